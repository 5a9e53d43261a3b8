"""Write a CIFAR-10-C to disk, in the layout of the published one: an array a corruption.

    OUT/corrupted.json     which images it was made from, and how
    OUT/<corruption>.npy   uint8, 5 N x H x W x 3: the N images at severity 1, then at severity 2 ...
    OUT/labels.npy         their labels, five times

The arrays hold the pixels that `robust eval` would show a model, so measuring on them gives the same numbers, and many
models are measured in less time. An array that exists is whole, and is not made again.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from robustbench_cls.builders.manifest import claim, clean_images, finish
from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.corruption import MINIMUM_SIDE, SEVERITIES, Corruption, Variant
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.files import atomic
from robustbench_cls.core.suite import Protocol
from robustbench_cls.core.workers import thread_pool, writing_threads
from robustbench_cls.corruptions.compiling import compile_corruptions
from robustbench_cls.corruptions.engine import corrupt_image, engine_version
from robustbench_cls.data.arrays import LABELS
from robustbench_cls.data.crops import crop_of
from robustbench_cls.data.source import ImageSource

VARIANT: Variant = "cifar"


def write_corrupted_arrays(
    data: Path,
    out: Path,
    corruptions: Sequence[Corruption],
    *,
    seed: int = 0,
    jobs: int | None = None,
    progress: Callable[[int, int], Callable[[int], object]] = lambda total, done: lambda made: None,
) -> int:
    """Write every missing array. Called again after it was stopped, it goes on with the corruption it was at.

    Args:
        data: a data set's root with `val/` or parquet, or one folder of class folders; images of one size.
        out: the folder of the arrays, outside `data`.
        jobs: number of threads; None takes one for each core.
        progress: a function of the number of all images and of those already there. It returns a function that is
            called with the number of new ones.

    Returns:
        The number of images of these corruptions.

    Raises:
        UserError: there are no images, they differ in size, are unreadable or under 32 px, or `out` holds another set
            or has no room.
    """
    threads = writing_threads(jobs)
    source = clean_images(data, out)
    content = {
        "engine": engine_version(VARIANT),
        "images": len(source),
        "data": source.fingerprint[:16],
        "seed": seed,
        "variant": VARIANT,
    }
    made_before = claim(out, content)
    finished = {name for name in made_before if (out / f"{name}.npy").is_file()}
    missing = [corruption for corruption in corruptions if corruption.name not in finished]
    each = len(source) * len(SEVERITIES)
    advance = progress(each * len(corruptions), each * (len(corruptions) - len(missing)))
    if missing:
        compile_corruptions((c, s, VARIANT) for c in missing for s in SEVERITIES)
        clean_NHW3 = _pixels(source)
    if not (out / LABELS).is_file():
        _save(out / LABELS, np.tile(source.labels_N, len(SEVERITIES)))
    with thread_pool(threads) as pool:
        for corruption in missing:
            rows_NHW3 = np.empty((each, *clean_NHW3.shape[1:]), np.uint8)

            def make(row: int, corruption: Corruption = corruption, rows_NHW3: UInt8Image = rows_NHW3) -> None:
                step, index = divmod(row, len(source))
                image_HW3, image_id = clean_NHW3[index], source.ids[index]
                rows_NHW3[row] = corrupt_image(image_HW3, corruption, SEVERITIES[step], image_id, seed, VARIANT)

            for _ in pool.map(make, range(each)):
                advance(1)
            _save(out / f"{corruption.name}.npy", rows_NHW3)
            finished.add(corruption.name)
            finish(out, content, sorted(finished))
    return each * len(corruptions)


def _save(path: Path, array: npt.NDArray[Any]) -> None:
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.save(file, array)


def _pixels(source: ImageSource) -> UInt8Image:
    """All images, N x H x W x 3.

    Raises:
        UserError: one is unreadable, too small, or of another size than the first.
    """
    images = [crop_of(source.data(index), source.name(index), Protocol(0, 0)) for index in range(len(source))]
    for image_id, image_HW3 in zip(source.ids, images, strict=True):
        if image_HW3.shape != images[0].shape or min(image_HW3.shape[:2]) < MINIMUM_SIDE:
            raise UserError(
                f"{source.path}/{image_id} is {image_HW3.shape[1]} x {image_HW3.shape[0]} px. An array holds images of "
                f"one size, of at least {MINIMUM_SIDE} px, and the first one is {images[0].shape[1]} x "
                f"{images[0].shape[0]} px. Use another --variant, which writes files."
            )
    return np.stack(images)
