"""The published CIFAR-10-C and CIFAR-100-C: an array a corruption, with the images of all severities one after another.

    FOLDER/<corruption>.npy   uint8, 5 N x H x W x 3: the N images at severity 1, then at severity 2 ...
    FOLDER/labels.npy         a number for each row, without the name of its class

The clean images in the same order give the names. Their labels must be those of the rows.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.corruption import SEVERITIES
from robustbench_cls.core.errors import UserError, first_line
from robustbench_cls.data.source import ImageSource, source_of

LABELS = "labels.npy"


@dataclass(frozen=True)
class _Rows:
    """Rows of an array, each given as an encoded file."""

    pixels_NHW3: UInt8Image
    labels_N: npt.NDArray[np.int64]

    def __getitem__(self, row: int) -> tuple[BinaryIO, int]:
        return io.BytesIO(self.header() + self.pixels_NHW3[row].tobytes()), int(self.labels_N[row])

    def header(self) -> bytes:
        """The first bytes of an image in the format PPM; its pixels follow as they are."""
        _, height, width, _ = self.pixels_NHW3.shape
        return b"P6 %d %d 255\n" % (width, height)


def open_rows(clean: ImageSource, folder: Path, corruption: str, severity: int) -> ImageSource:
    """The stored images of one corruption at one severity, with the ids and classes of the clean ones.

    Args:
        clean: the whole test split, in the order of the arrays.

    Raises:
        UserError: an array is missing or unreadable, or holds other images than the clean ones.
    """
    file, count = folder / f"{corruption}.npy", len(clean)
    pixels, labels = _array(file), _array(folder / LABELS)
    whole = count * len(SEVERITIES)
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[-1] != 3 or len(pixels) != whole:
        raise UserError(
            f"{file} holds {pixels.dtype} of shape {pixels.shape}; expected uint8 of shape ({whole}, H, W, 3), as "
            f"{clean.path} holds {count} clean images. Unpack the archive again, or give the clean images of this set."
        )
    rows = slice((severity - 1) * count, severity * count)
    if labels.shape != (whole,) or not np.array_equal(labels[rows], clean.labels_N):
        raise UserError(
            f"{folder / LABELS} does not hold the {count} labels of {clean.path} {len(SEVERITIES)} times, "
            "so they are not the same images in the same order. Give the data set's own test-*.parquet."
        )
    reader = _Rows(pixels[rows], clean.labels_N)
    sizes_N = np.full(count, len(reader.header()) + pixels[0].nbytes, np.int64)
    return source_of(str(file), clean.class_names, clean.ids, clean.labels_N, [file.stat()], reader, sizes_N)


def _array(file: Path) -> npt.NDArray[Any]:
    try:
        array: npt.NDArray[Any] = np.load(file, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise UserError(f"{file} can't be read ({first_line(error)}). Unpack the archive again.") from error
    return array
