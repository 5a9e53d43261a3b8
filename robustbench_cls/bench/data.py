"""Measure how long it takes to make a crop of a JPEG file: this package, Pillow and torchvision, in one thread.

As in the benchmark of the corruptions, the candidates take turns, a pass over the files each, after one call that does
not count. Compare ratios between machines, and milliseconds only on one.
"""

import io
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image

from robustbench_cls.bench.corruptions import OURS, machine, milliseconds
from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.suite import IMAGENET_224
from robustbench_cls.core.versions import versions
from robustbench_cls.data.crops import crop, crop_of, crop_pixels
from robustbench_cls.data.decode import decode_jpeg, decode_rgb
from robustbench_cls.data.resize import Pixels
from robustbench_cls.data.sample_photos import read_photo, sample_photos

PILLOW = "pillow + torchvision"
STEPS = ("decode", "resize and crop", "both")

SAMPLE_WIDTH = 500
"""Width in pixels of the sample photos: that of most photos in ImageNet."""

SAMPLE_QUALITY = 90

Run: TypeAlias = Callable[[bytes], object]


@dataclass(frozen=True)
class DataBenchmark:
    """The results of one benchmark of decoding and cutting.

    Attributes:
        files: number of files.
        kilobytes: mean size of a file.
        milliseconds: median of an image, by step and engine.
        identical: number of files from which this package and Pillow make the same pixels.
    """

    files: int
    kilobytes: float
    milliseconds: dict[str, dict[str, float]]
    identical: int
    machine: str
    versions: dict[str, str]

    def times_faster(self, step: str) -> float:
        """Pillow's and torchvision's time divided by ours."""
        return self.milliseconds[step][PILLOW] / self.milliseconds[step][OURS]


def jpeg_files(folder: Path | None, count: int) -> list[bytes]:
    """At most `count` JPEG files, evenly spread over those below `folder`; without a folder, the sample photos as JPEG.

    Files that `crop_of` leaves to Pillow are passed over.

    Raises:
        UserError: there are no such files, or one can't be read.
    """
    if folder is None:
        return [_encoded(read_photo(file)) for file in sample_photos()][:count]
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    chosen = [found[i * len(found) // count] for i in range(count)] if count < len(found) else found
    try:
        files = [path.read_bytes() for path in chosen]
    except OSError as error:
        raise UserError(f"{error.filename} can't be read: {error.strerror}.") from error
    known = [data for data in files if decode_jpeg(data) is not None]
    if not known:
        raise UserError(f"No whole JPEG files (.jpg, .jpeg) of RGB or grey photos in {folder} or the folders below it.")
    return known


def _encoded(photo: Image.Image) -> bytes:
    file = io.BytesIO()
    height = round(photo.height * SAMPLE_WIDTH / photo.width)
    photo.resize((SAMPLE_WIDTH, height)).save(file, "JPEG", quality=SAMPLE_QUALITY)
    return file.getvalue()


def bench_data(files: Sequence[bytes], repeats: int, advance: Callable[[], object]) -> DataBenchmark:
    """Measure each step on each file by the protocol of ImageNet-C; `advance` is called after each pass."""
    runs: dict[tuple[str, str], Run] = {
        (step, engine): run for step in STEPS for engine, run in _runs(step, files).items()
    }
    found: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
    for _ in range(repeats):
        for key, run in runs.items():
            run(files[0])
            found[key] += [milliseconds(run, data) for data in files]
        advance()
    return DataBenchmark(
        files=len(files),
        kilobytes=statistics.mean(map(len, files)) / 1000,
        milliseconds={step: {e: statistics.median(found[step, e]) for e in (PILLOW, OURS)} for step in STEPS},
        identical=sum(np.array_equal(_pillow_crop(data), _our_crop(data)) for data in files),
        machine=machine(),
        versions=versions(),
    )


def _runs(step: str, files: Sequence[bytes]) -> dict[str, Run]:
    if step == "decode":
        return {PILLOW: lambda data: decode_rgb(data, "a file"), OURS: decode_jpeg}
    if step == "both":
        return {PILLOW: _pillow_crop, OURS: _our_crop}
    images = {data: decode_rgb(data, "a file") for data in files}
    pixels = {data: _kept(data) for data in files}
    return {
        PILLOW: lambda data: crop(images[data], IMAGENET_224),
        OURS: lambda data: crop_pixels(pixels[data], IMAGENET_224),
    }


def _kept(data: bytes) -> Pixels:
    pixels = decode_jpeg(data)
    if pixels is None:
        raise UserError("The benchmark takes whole JPEG files of RGB or grey photos only.")
    return Pixels(pixels.height, pixels.width, pixels.memory_S.copy())


def _pillow_crop(data: bytes) -> UInt8Image:
    return crop(decode_rgb(data, "a file"), IMAGENET_224)


def _our_crop(data: bytes) -> UInt8Image:
    return crop_of(data, "a file", IMAGENET_224)
