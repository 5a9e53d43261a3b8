"""Draw the embedded data set: ten shapes with a texture shortcut, to try everything without a download."""

import hashlib
import itertools
import json
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol as Interface
from typing import TypeVar

import numpy as np

from robustbench_cls.builders.shapes_drawing import (
    CORRELATION,
    VERSION,
    Scene,
    Style,
    draw,
    own_style,
    swapped_style,
)
from robustbench_cls.builders.shapes_filter import FixedModel, features, fit
from robustbench_cls.builders.shapes_outlines import CLASSES, SIDE
from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.files import require_writable

SPLITS = ("train", "val", "stylized", "a")
MANIFEST = "shapes.json"

README = """# Ten shapes

Drawn by `robust data shapes`: {classes}.
RGB PNG of {side} x {side} px, one folder a class. A picture is a pure function of the seed ({seed}), the split,
the class and its number (generator version {version}).

| split | images a class | what it is |
|---|---|---|
| `train` | {train} | to learn from |
| `val` | {val} | the same distribution |
| `stylized` | {val} | the scenes of `val`, under the same names; the shape wears another class's texture and colour |
| `a` | {hard} | fresh pictures of the same distribution that a small fixed model fitted to `train` gets clearly wrong |

The class is the shape. Each class also has a texture and a colour family of its own. In `train`, `val` and
`a` a shape wears its class's texture with probability {correlation:.2f} and, apart from that, its class's
colour with the same probability; otherwise another class's. So texture and colour are a shortcut that pays
on `val` and misleads on `stylized`. `styles.csv` tells which classes' texture and colour each picture shows.

Everything, edges and clutter included, is computed; no photograph or other work is in it. To the extent
possible under law the pictures are dedicated to the public domain: CC0 1.0,
https://creativecommons.org/publicdomain/zero/1.0/
"""

T = TypeVar("T")


class Progress(Interface):
    """A function that gives the items one by one and may show a progress bar, as tqdm does."""

    def __call__(self, items: Iterable[T], /, *, desc: str, total: int) -> Iterable[T]:
        """Give the same items. `desc` is the split, `total` the number of items."""
        ...


def _silent(items: Iterable[T], /, *, desc: str, total: int) -> Iterable[T]:
    return items


@dataclass(frozen=True)
class Shapes:
    """The content of `shapes.json`, which describes a built data set.

    Attributes:
        train: images of each class in `train`.
        val: images of each class in `val` and in `stylized`.
        hard: images of each class in `a`.
        sha256: digest of the path and content of every file but `shapes.json`.
    """

    version: int
    seed: int
    train: int
    val: int
    hard: int
    sha256: str


@dataclass(frozen=True)
class _Picture:
    scene: Scene
    style: Style

    @property
    def label(self) -> int:
        return CLASSES.index(self.scene.shape)

    @property
    def name(self) -> str:
        return f"{self.scene.shape}/{self.scene.index:05d}.png"

    def drawn(self) -> UInt8Image:
        return draw(self.scene, self.style)


def build_shapes(out: Path, *, train: int = 300, val: int = 50, seed: int = 0, progress: Progress = _silent) -> Shapes:
    """Draw the embedded data set into `out`, as image folders `train`, `val`, `stylized` and `a`.

    The folder appears only when it is complete. Where it is already there, with the same parameters and the
    same bytes, nothing is done. The bytes are the same on every machine. A picture of `train` or `val` does
    not depend on how many are drawn, but which pictures `a` keeps depends on `train`.

    Args:
        out: a folder that does not exist, is empty or holds this very data set.
        train: images of each class in `train`.
        val: images of each class in `val`. `stylized` has as many, and `a` half as many.
        progress: a function that is called for each split in turn.

    Raises:
        UserError: a count is under 1, or `out` holds something else.
    """
    if train < 1 or val < 1:
        raise UserError(f"There must be at least 1 image of each class, got train {train} and val {val}.")
    wanted = Shapes(VERSION, seed, train, val, hard=(val + 1) // 2, sha256="")
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        return _existing(out, wanted)
    out = out.resolve()
    require_writable(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as folder:
            part = Path(folder) / out.name
            built = _draw_all(part, wanted, progress)
            if out.is_dir():
                out.rmdir()
            part.rename(out)
    except OSError as error:
        raise UserError(f"Could not write {out}: {error.strerror or error}. Nothing of it stays; make room.") from error
    return built


def _existing(out: Path, wanted: Shapes) -> Shapes:
    """Read the description of the data set in `out`, and check that it is the wanted one, unchanged."""
    manifest = out / MANIFEST
    if not manifest.is_file():
        raise UserError(f"{out} is not empty and holds no {MANIFEST}. Give a new or empty folder with --out.")
    found = json.loads(manifest.read_text(encoding="utf-8"))
    if {**found, "sha256": ""} != asdict(wanted):
        parameters = ", ".join(f"{name} {found.get(name)}" for name in ("version", "seed", "train", "val"))
        raise UserError(
            f"{out} holds shapes drawn with other settings ({parameters}). "
            "Give another folder with --out, or delete this one."
        )
    if found["sha256"] != _digest(out):
        raise UserError(f"{out} was changed after it was built. Delete it and run this again.")
    return Shapes(**found)


def _draw_all(root: Path, wanted: Shapes, progress: Progress) -> Shapes:
    """Draw every split into the new folder `root`, and write the files that describe them."""
    for split in SPLITS:
        for name in CLASSES:
            (root / split / name).mkdir(parents=True)
    train = _pictures("train", wanted.train, wanted.seed, own_style)
    inputs = []
    for picture in progress(train, desc="train", total=len(train)):
        image = picture.drawn()
        _save(image, root / "train" / picture.name)
        inputs.append(features(image))
    model = fit(np.stack(inputs), np.array([picture.label for picture in train]))
    val = _pictures("val", wanted.val, wanted.seed, own_style)
    stylized = _pictures("val", wanted.val, wanted.seed, swapped_style)
    for split, pictures in (("val", val), ("stylized", stylized)):
        for picture in progress(pictures, desc=split, total=len(pictures)):
            _save(picture.drawn(), root / split / picture.name)
    hard = []
    for picture, image in progress(_mistaken(model, wanted), desc="a", total=wanted.hard * len(CLASSES)):
        _save(image, root / "a" / picture.name)
        hard.append(picture)
    return _describe(root, wanted, {"train": train, "val": val, "stylized": stylized, "a": hard})


def _pictures(pool: str, count: int, seed: int, style: Callable[[Scene], Style]) -> list[_Picture]:
    scenes = (Scene(seed, pool, name, index) for name in CLASSES for index in range(count))
    return [_Picture(scene, style(scene)) for scene in scenes]


def _mistaken(model: FixedModel, wanted: Shapes) -> Iterator[tuple[_Picture, UInt8Image]]:
    """Draw pictures of each class until enough are found that the model gets clearly wrong.

    Enough are found: about one shape in seven wears neither its class's texture nor its colour, and the linear
    model relies on these.
    """
    for name in CLASSES:
        found = 0
        for index in itertools.count():
            scene = Scene(wanted.seed, "a", name, index)
            picture = _Picture(scene, own_style(scene))
            image = picture.drawn()
            if model.mistaken(image, picture.label):
                yield picture, image
                found += 1
            if found == wanted.hard:
                break


def _describe(root: Path, wanted: Shapes, splits: dict[str, list[_Picture]]) -> Shapes:
    """Write the read-me, the table of styles and, last, the manifest with the digest of all files."""
    readme = README.format(**asdict(wanted), classes=", ".join(CLASSES), side=SIDE, correlation=CORRELATION)
    (root / "README.md").write_bytes(readme.encode())
    rows = [
        f"{split},{picture.name},{picture.scene.shape},{picture.style.texture},{picture.style.colour}\n"
        for split, pictures in splits.items()
        for picture in pictures
    ]
    (root / "styles.csv").write_bytes("".join(["split,image,shape,texture,colour\n", *rows]).encode())
    built = replace(wanted, sha256=_digest(root))
    (root / MANIFEST).write_bytes((json.dumps(asdict(built), indent=2) + "\n").encode())
    return built


def _save(image_HW3: UInt8Image, path: Path) -> None:
    """Write a PNG without compression: compressed bytes would change with the version of the library.

    The whole picture is one stored block, so `height * (3 * width + 1)` must be under 65536.
    """
    height, width, _ = image_HW3.shape
    filtered = np.zeros((height, 1 + 3 * width), np.uint8)  # each line starts with the number of its filter; 0 is none
    filtered[:, 1:] = image_HW3.reshape(height, -1)
    lines = filtered.tobytes()
    stored = struct.pack("<BHH", 1, len(lines), len(lines) ^ 0xFFFF) + lines
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"\x78\x01" + stored + struct.pack(">I", zlib.adler32(lines))
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _digest(root: Path) -> str:
    """SHA-256 over the relative path and the SHA-256 of each file, in order of the paths."""
    pictures = (path for split in SPLITS for path in (root / split).rglob("*.png"))
    files = {path.relative_to(root).as_posix(): path for path in (root / "README.md", root / "styles.csv", *pictures)}
    total = hashlib.sha256()
    for name, path in sorted(files.items()):
        total.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()
