"""Damaged, foreign and absurd inputs of every kind: each is taken, or refused with a message. No traceback, no hang.

The inputs are drawn from seeds, so that one that fails can be drawn again: its number is in the message.
"""

import contextlib
import io
import json
import random
import signal
import traceback
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from stored_runs import build_run

from robustbench_cls.core import discovery
from robustbench_cls.core.discovery import find
from robustbench_cls.core.errors import UserError, for_terminal
from robustbench_cls.core.own_code import named_lines
from robustbench_cls.core.recipe import Recipe
from robustbench_cls.core.suite import Protocol, Suite
from robustbench_cls.data.crops import crop_of
from robustbench_cls.data.locate import open_split
from robustbench_cls.data.source import open_source
from robustbench_cls.evaluation.suite_check import check_suite
from robustbench_cls.metrics.scoring import score
from robustbench_cls.models.checkpoint import read_checkpoint
from robustbench_cls.models.load import load_classifier
from robustbench_cls.models.weights import load_weights, read_weights_file, state_dict_in
from robustbench_cls.results.manifest import read_run
from robustbench_cls.training.regimens import settle

pytestmark = pytest.mark.slow

SECONDS = 30
"""Time in which an input must be taken or refused."""

JUNK: list[Any] = [
    *(None, True, -1, 0, 3, 10**30, 1.5, -0.0, 1e308, "", "a", "../x", "x" * 5000, "\N{GRINNING FACE}", "\x00", "a\nb"),
    *([], [1], [[]], {}, {"a": 1}, ["a", None], "nan", "1e400", "<script>", "%s%n", "\ud800"),
]


@contextlib.contextmanager
def in_time(what: str) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise AssertionError(f"{what} took over {SECONDS} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class Tally:
    """Inputs that were tried, and how many of each kind were refused."""

    def __init__(self) -> None:
        self.tried: dict[str, int] = {}
        self.refused: dict[str, int] = {}
        self.failures: list[str] = []

    def attempt(self, kind: str, number: int, act: Callable[[], object]) -> None:
        self.tried[kind] = self.tried.get(kind, 0) + 1
        try:
            with in_time(f"{kind} {number}"):
                act()
        except UserError as error:
            shown = for_terminal(str(error)).replace("\n", "")
            if not shown.isprintable() or len(shown) > 1100:
                self.failures.append(f"{kind} {number} is refused by {shown!r}")
            self.refused[kind] = self.refused.get(kind, 0) + 1
        except BaseException as error:  # noqa: BLE001 - whatever else comes is what this test looks for
            place = traceback.extract_tb(error.__traceback__)[-1]
            told = f"{type(error).__name__}: {str(error)[:200]}, in {place.filename}, line {place.lineno}"
            self.failures.append(f"{kind} {number} ends in {told}")


TALLY = Tally()
"""Of all tests here."""


@pytest.fixture
def tally() -> Iterator[Tally]:
    before = len(TALLY.failures)
    yield TALLY
    assert not TALLY.failures[before:], "\n".join(TALLY.failures[before:])


def damaged(data: bytes, draw: random.Random) -> bytes:
    """Some bytes changed, cut out, doubled or put in."""
    content = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 5, 30))):
        if not content:
            break
        place = draw.randrange(len(content))
        size = draw.choice((1, 1, 4, 100))
        how = draw.randrange(5)
        if how == 0:
            content[place] ^= 1 << draw.randrange(8)
        elif how == 1:
            content[place : place + size] = draw.randbytes(size)
        elif how == 2:
            del content[place : place + size]
        elif how == 3:
            content[place:place] = content[place : place + size]
        else:
            del content[place:]
    return bytes(content)


def altered(value: Any, draw: random.Random) -> Any:
    """A copy of nested plain values with junk somewhere."""
    if draw.random() < 0.15 or not isinstance(value, dict | list) or not value:
        return draw.choice(JUNK)
    copy = dict(value) if isinstance(value, dict) else list(value)
    key = draw.choice(list(copy) if isinstance(copy, dict) else range(len(copy)))  # type: ignore[arg-type]
    if draw.random() < 0.15:
        del copy[key]
    elif draw.random() < 0.1 and isinstance(copy, dict):
        copy["surprise"] = draw.choice(JUNK)
    else:
        copy[key] = altered(copy[key], draw)
    return copy


def encoded() -> list[bytes]:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    picture, files = Image.fromarray(pixels), []
    modes = {"JPEG": "RGB", "PNG": "RGBA", "WEBP": "RGB", "GIF": "P", "BMP": "RGB", "TIFF": "CMYK", "PPM": "RGB"}
    for kind, mode in modes.items():
        file = io.BytesIO()
        picture.convert(mode).save(file, kind)
        files.append(file.getvalue())
    return files


def test_images(tally: Tally) -> None:
    files = encoded()
    for number in range(700):
        draw = random.Random(number)
        data = damaged(files[number % len(files)], draw)
        protocol = Protocol(*draw.choice(((256, 224), (0, 32), (36, 32))), draw.choice(("bilinear", "lanczos")))

        def act(data: bytes = data, protocol: Protocol = protocol) -> None:
            shown = crop_of(data, "x", protocol)
            assert shown.dtype == np.uint8 and shown.shape == (protocol.crop, protocol.crop, 3)

        tally.attempt("image", number, act)
    assert 100 < tally.refused["image"] < 700


def test_checkpoints_and_weights(tally: Tally, toy_checkpoint: Path, tmp_path: Path) -> None:
    about, weights, _ = read_checkpoint(toy_checkpoint)
    network = load_classifier(toy_checkpoint, device="cpu", backend="torch").network
    torch.save(weights, tmp_path / "w.pth")
    save_file({k: v.contiguous() for k, v in weights.items()}, tmp_path / "w.safetensors")
    sources = [toy_checkpoint, tmp_path / "w.pth", tmp_path / "w.safetensors"]
    for number in range(300):
        source = sources[number % 3]
        path = tmp_path / f"bad{source.suffix}"
        path.write_bytes(damaged(source.read_bytes(), random.Random(number)))
        reader = (
            read_checkpoint
            if number % 3 == 0
            else lambda file: load_weights(network, state_dict_in(read_weights_file(file), file), file)
        )
        tally.attempt("weights file", number, lambda path=path, reader=reader: reader(path))
    content = torch.load(toy_checkpoint, weights_only=True)
    assert about.name
    for number in range(200):
        draw = random.Random(number)
        told = altered(content["about"], draw) if draw.random() < 0.8 else content["about"]
        changed = {**content, "about": told} if draw.random() < 0.8 else altered(content, draw)
        torch.save(changed, tmp_path / "told.pt")
        tally.attempt("checkpoint", number, lambda: read_checkpoint(tmp_path / "told.pt"))
    assert tally.refused["checkpoint"] > 100


def test_programs(tally: Tally, tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 1000)).eval()
    example = torch.rand(2, 3, 224, 224)
    torch.jit.save(torch.jit.trace(network, example), tmp_path / "m.pt")
    torch.export.save(torch.export.export(network, (example,)), tmp_path / "m.pt2")
    torch.onnx.export(network, (example,), tmp_path / "m.onnx", dynamo=True, verbose=False)
    for number in range(90):
        source = sorted(tmp_path.glob("m.*"))[number % 3]
        path = tmp_path / f"bad{source.suffix}"
        path.write_bytes(damaged(source.read_bytes(), random.Random(number)))
        backend = "onnxruntime" if source.suffix == ".onnx" else "torch"

        def act(path: Path = path, backend: str = backend) -> None:
            load_classifier(path, device="cpu", backend=backend)

        tally.attempt("program", number, act)


def test_stored_runs(tally: Tally, tmp_path: Path) -> None:
    run = build_run(tmp_path / "run", suite="few", imagenet=False)
    manifest = run.folder / "run.json"
    whole = manifest.read_text()
    told = json.loads(whole)
    del told["sha256"]  # so that more than the digest is looked at
    for number in range(400):
        draw = random.Random(number)
        if number % 4:
            manifest.write_text(json.dumps(altered(told, draw)))
        else:
            manifest.write_bytes(damaged(whole.encode(), draw))
        tally.attempt("run.json", number, lambda: scored(run.folder))
    manifest.write_text(whole)
    file = run.path(run.conditions[3])
    results = file.read_bytes()
    for number in range(200):
        file.write_bytes(damaged(results, random.Random(number)))
        tally.attempt("results", number, lambda: scored(run.folder))
    assert tally.refused["run.json"] > 250 and tally.refused["results"] > 150


def scored(folder: Path) -> None:
    run = read_run(folder)
    predictions = run.predictions()
    score("m", "s", predictions, run.suite.measures, only={"top1_accuracy", "mean_corruption_error_unnormalised"})


def test_parquet(tally: Tally, toy: Path, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    import datasets

    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    rows = [{"bytes": (toy / f"val/cat/{i}.png").read_bytes(), "path": None} for i in range(4)]
    file = tmp_path / "val-00000-of-00001.parquet"
    datasets.Dataset.from_dict({"image": rows, "label": [0, 1, 0, 1]}, features=features).to_parquet(str(file))
    whole, table = file.read_bytes(), pq.read_table(file)
    told = json.loads(table.schema.metadata[b"huggingface"])
    for number in range(80):
        draw = random.Random(number)
        if number % 2:
            file.write_bytes(damaged(whole, draw))
        else:
            metadata = {b"huggingface": json.dumps(altered(told, draw)).encode()}
            column = draw.choice([[1.5] * 4, ["a"] * 4, [None] * 4, [7] * 4, [0] * 4, [[0]] * 4, [10**12] * 4])
            name = draw.choice(["label", "image"])
            changed = table.set_column(table.column_names.index(name), name, pa.array(column))
            pq.write_table((changed if draw.random() < 0.6 else table).replace_schema_metadata(metadata), file)

        def act() -> None:
            source = open_split(tmp_path, "val")
            for index in range(len(source)):
                source.image(index)

        tally.attempt("parquet", number, act)
    assert tally.refused["parquet"] > 40


LETTERS = [
    "a",
    "B",
    "0",
    " ",
    ".",
    "-",
    "é",
    "日",
    "\N{GRINNING FACE}",
    "'",
    '"',
    "\\",
    "\n",
    "%",
    "*",
    "[",
    "]",
    "\udcff",
]


def test_names(tally: Tally, toy: Path, tmp_path: Path) -> None:
    picture = (toy / "val/cat/0.png").read_bytes()
    for number in range(150):
        draw = random.Random(number)
        root = tmp_path / str(number)
        for _ in range(2):
            label, name = ("".join(draw.choices(LETTERS, k=draw.randrange(1, 12))) for _ in range(2))
            folder = root / (label if label.strip(".") else "x")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.png").write_bytes(picture)
        tally.attempt("names", number, lambda root=root: json.dumps(open_source(root).ids).encode())


SUITE = """
import numpy as np
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.scopes import SUITE as WHOLE_SUITE
from robustbench_cls.core.suite import HEAD, IMAGENET_224, Condition, LabelSpace, Measure, Protocol, Suite, graded

def darker(image_HW3, severity, key):
    return image_HW3 // (severity + 1)

def spread(sample):
    errors_RC = sample.errors()
    return errors_RC.max(axis=1) - errors_RC.min(axis=1)

DARKER = Corruption(name="darker", group="light", source="https://example.org", apply=darker, counted=True)
SPREAD = Metric(name="spread", title="Spread", scope=WHOLE_SUITE, unit="fraction", higher_is_better=False,
                source="https://example.org", compute=spread, phrase="spread", needs_labels=True)
SUITE = Suite(name="mine", version=1, title="Mine", conditions=graded({"light": ("darker", "fog")}), split="val",
              folder="mine", label_space=LabelSpace("head"), reference=Condition("clean", 0),
              protocol=Protocol(256, 224, "bilinear", 85), source="https://example.org",
              measures=(Measure("spread"), Measure("top1_accuracy", "clean")), labels="classes")
"""

RECIPE = """
from robustbench_cls.core.recipe import Recipe

def augment(size, strength):
    return lambda image: image

def mix(num_classes, strength):
    return lambda images, targets: (images, targets)

RECIPE = Recipe(name="mine", title="Mine", source="https://example.org", augment=augment, mix=mix,
                settings={"strength": 2, "on": True}, regimen={"": {"lr": 0.05}, "vit": {"epochs": 3}},
                overlaps=("fog", "snow"), expected="77 %")
"""

WORDS = [
    *("None", "5", "-1", "''", "[]", "{}", "print", "1/0", "exit()", "undefined", "object()", "(1, 2)", "'fog'"),
    *("float('nan')", "lambda *a, **k: 1 / 0", "lambda *a, **k: None", "b'x'", "10**400", "{'a': {'b': []}}", "..."),
    *("raise ValueError", "import os; os._exit", "'x' * 3000", "'../x'", "range(3)", "__import__('nothing')"),
    *("iter([])", "int", "True"),
]


def own_file(text: str, draw: random.Random) -> str:
    """A user's file with some of its words exchanged, or lines lost."""
    lines = text.strip().split("\n")
    for _ in range(draw.choice((1, 1, 2, 3))):
        place = draw.randrange(len(lines))
        if draw.random() < 0.15:
            lines[place] = lines[place][: draw.randrange(len(lines[place]) + 1)]
        elif "=" in lines[place] and "import" not in lines[place]:
            parts = lines[place].split("=")
            at = draw.randrange(1, len(parts))
            _, comma, rest = parts[at].partition(",")
            word = draw.choice(WORDS)
            parts[at] = f" {word}" if word.startswith(("raise", "import")) else f"{word}{comma}{rest}"
            lines[place] = "=".join(parts)
        elif lines[place].strip().startswith("return"):
            lines[place] = f"    return {draw.choice(WORDS)}"
    return "\n".join(lines).replace("os._exit", "os.getcwd")


def test_files_of_code(
    tally: Tally, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = build_run(tmp_path / "run", suite="few", imagenet=False)
    predictions = run.predictions()
    for number in range(450):
        monkeypatch.setattr(discovery, "_taken_in", dict[Path, types.ModuleType]())
        draw = random.Random(number)
        path = tmp_path / "mine.py"
        is_suite = number % 3 > 0
        path.write_text(own_file(SUITE if is_suite else RECIPE, draw))

        def act(path: Path = path, is_suite: bool = is_suite) -> None:
            with named_lines():
                if is_suite:
                    suite = find(str(path), "robustbench_cls.suites", Suite, "suite")
                    check_suite(suite)
                    score("m", "s", predictions, suite.measures, only={"spread"})
                else:
                    settle(find(str(path), "robustbench_cls.recipes", Recipe, "recipe"), "vit", {})

        tally.attempt("code", number, act)
    assert tally.refused["code"] > 200
    capsys.readouterr()


def test_enough_was_tried(tally: Tally) -> None:
    assert sum(tally.tried.values()) >= 2000, tally.tried
