"""An ImageNet-C on disk, in the layout of the published one, for tools that read files.

    OUT/corrupted.json                           what it was made from, and how
    OUT/<corruption>/<severity>/<class>/<image>  JPEG quality 85

The files are what `robust eval` would show a model, so measuring on them gives the same numbers; a file that exists
is whole, and is not made again.
"""

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from robustbench_cls.core.corruption import MINIMUM_SIDE, SEVERITIES, Corruption, Variant
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.files import atomic, write_json
from robustbench_cls.core.keys import keyed_subset
from robustbench_cls.core.suite import IMAGENET_224, Protocol
from robustbench_cls.corruptions.engine import corrupt_image, engine_version
from robustbench_cls.corruptions.jpeg import QUALITY, jpeg_file
from robustbench_cls.data.batches import one_opencv_thread
from robustbench_cls.data.crops import crop
from robustbench_cls.data.locate import open_split_or_folder
from robustbench_cls.data.source import ImageSource

MANIFEST = "corrupted.json"
JPEG_SUFFIXES = (".jpg", ".jpeg")


@dataclass(frozen=True)
class TreeOptions:
    """How the clean images are cut and corrupted.

    Attributes:
        resize: shorter side in px before the crop; 0: as stored.
        crop: side of the centre square in px; 0: the whole image.
        limit: images, drawn by key; 0 for all.
    """

    resize: int = IMAGENET_224.resize or 0
    crop: int = IMAGENET_224.crop or 0
    limit: int = 0
    seed: int = 0
    variant: Variant = "published"


def write_corrupted_tree(
    data: Path,
    out: Path,
    corruptions: Sequence[Corruption],
    options: TreeOptions,
    *,
    jobs: int | None = None,
    progress: Callable[[int, int], Callable[[int], object]] = lambda total, done: lambda made: None,
) -> int:
    """Write every missing file of the tree; started again, it goes on.

    Args:
        data: a data set's root with `val/` or parquet, or one folder of class folders.
        jobs: threads; one a core where None.
        progress: given the number of files in all and already there, returns what is called as files are made.

    Returns:
        The number of files in the tree.

    Raises:
        UserError: no images, an unreadable one, an image under 32 px, no room, or `out` holds another tree.
    """
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs must be 1 or more, got {jobs}.")
    whole = open_split_or_folder(data)
    source = whole.take(keyed_subset(whole.ids, options.limit, options.seed))
    _claim(out, source, options)
    names = [_file_name(image_id) for image_id in source.ids]
    folders = [(c, severity, out / c.name / str(severity)) for c in corruptions for severity in SEVERITIES]
    wanted = [[(c, s, folder / name) for c, s, folder in folders] for name in names]
    missing = [[entry for entry in files if not entry[2].exists()] for files in wanted]
    total = len(names) * len(folders)
    advance = progress(total, total - sum(map(len, missing)))

    def make(index: int) -> None:
        if missing[index]:
            _write(source, index, missing[index], options)
            advance(len(missing[index]))

    with one_opencv_thread(), ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        try:
            for _ in pool.map(make, range(len(names))):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return total


def _write(
    source: ImageSource, index: int, files: Sequence[tuple[Corruption, int, Path]], options: TreeOptions
) -> None:
    """Cut one image once, and store it under each condition."""
    protocol = Protocol(options.resize, options.crop, IMAGENET_224.interpolation)
    image_HW3 = crop(source.image(index), protocol)
    if min(image_HW3.shape[:2]) < MINIMUM_SIDE:
        raise UserError(
            f"{source.path}/{source.ids[index]} is {image_HW3.shape[1]} x {image_HW3.shape[0]} px after the crop; "
            f"corruptions take at least {MINIMUM_SIDE}. Leave it out, or give a larger --resize and --crop."
        )
    for corruption, severity, path in files:
        corrupted = corrupt_image(image_HW3, corruption, severity, source.ids[index], options.seed, options.variant)
        with atomic(path) as temporary:
            np.asarray(jpeg_file(corrupted)).tofile(temporary)


def _file_name(image_id: str) -> str:
    """The id as it is for a JPEG, with `.JPEG` after it for other files and rows of a table."""
    return image_id if Path(image_id).suffix.lower() in JPEG_SUFFIXES else f"{image_id}.JPEG"


def _claim(out: Path, source: ImageSource, options: TreeOptions) -> None:
    """Mark `out` as this tree's.

    Raises:
        UserError: it is another's.
    """
    content = {
        "engine": engine_version(options.variant),
        "jpeg_quality": QUALITY,
        "data_fingerprint": source.fingerprint,
        **asdict(options),
    }
    manifest = out / MANIFEST
    if not manifest.exists():
        if out.is_dir() and any(out.iterdir()):
            raise UserError(f"{out} is not empty and holds no {MANIFEST}. Choose another --out.")
        write_json(manifest, content)
        return
    try:
        stored = json.loads(manifest.read_text(encoding="utf-8"))
        unlike = [f"{key}: {stored.get(key)} != {value}" for key, value in content.items() if stored.get(key) != value]
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{manifest} can't be read ({error}). Choose another --out, or delete it.") from error
    if unlike:
        raise UserError(f"{out} holds another tree ({'; '.join(unlike)}). Choose another --out, or delete it.")
