"""Pixelate: a small image enlarged.

Shrinks each side to a fraction, rounded down to whole pixels, by box averages, and enlarges again by nearest pixels.
The pixels are those of Pillow's `resize`: columns first, then rows, each rounded to a whole level, with weights in
2^-22. Pillow 13 takes the rows first where the picture is about twice as tall as wide, or taller; there a seventh of
the values is a level apart. The code that made the published files enlarges by boxes, which gives the same pixels.

No randomness.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `pixelate` of hendrycks/robustness.
"""

from collections.abc import Sequence
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.arrays import Int32Array, UInt8Array, UInt8Image, UInt16Array, UInt32Array, UInt64Array
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.kernel import add, kernel, mul, shr
from robustbench_cls.core.keys import Key
from robustbench_cls.core.scratch import scratch

FRACTION = (0.6, 0.5, 0.4, 0.3, 0.25)
"""Side of the small image as a share of the image's side, by severity."""

CIFAR = (0.95, 0.9, 0.85, 0.75, 0.65)
"""The same of CIFAR-10-C, from `make_cifar_c.py` of hendrycks/robustness."""


def apply(image_HW3: UInt8Image, severity: int, key: Key, constants: Sequence[float] = FRACTION) -> UInt8Image:
    """See `Corruption.apply`."""
    return render(image_HW3, severity, constants)


def render(image_HW3: UInt8Image, severity: int, constants: Sequence[float] = FRACTION) -> UInt8Image:
    """The image in large pixels."""
    height, width, _ = image_HW3.shape
    rows = int(height * constants[severity - 1])
    columns = int(width * constants[severity - 1])
    fewest, places_w, weights_r = _windows(width, columns)
    windows_R = scratch("pixelate_windows", (6 * width + 1,), np.uint16)
    sums_r = scratch("pixelate_sums", (3 * columns + 1,), np.uint16)
    narrow_Hr = scratch("pixelate_narrow", (height, 3 * columns), np.uint8)
    _average_columns(
        image_HW3.reshape(height, -1),
        fewest,
        places_w,
        weights_r,
        windows_R,
        _pixels(windows_R, np.uint64),
        sums_r,
        _pixels(sums_r, np.uint64),
        narrow_Hr,
    )
    totals_r = scratch("pixelate_totals", (3 * columns,), np.int32)
    small_hr = scratch("pixelate_small", (rows * 3 * columns + 1,), np.uint8)
    _average_rows(narrow_Hr, _boxes(height, rows), totals_r, small_hr)
    large_N = np.empty(image_HW3.size + 1, np.uint8)
    large_P = _pixels(large_N, np.uint32)
    _repeat(_pixels(small_hr, np.uint32), _nearest(rows, height), _nearest(columns, width), large_N, large_P)
    return large_N[:-1].reshape(image_HW3.shape)


def _pixels(values_N: npt.NDArray[Any], word: npt.DTypeLike) -> npt.NDArray[Any]:
    """The pixels, one word each. A word has a fourth channel: the next pixel's first one, so write from the left."""
    size = values_N.itemsize
    words: npt.NDArray[Any] = np.ndarray((values_N.size // 3,), word, values_N.data, strides=(3 * size,))
    return words


@lru_cache(maxsize=64)
def _boxes(size: int, small: int) -> Int32Array:
    """For each small pixel: the first pixel of its box, the number of pixels, and the weight of each in 2^-22."""
    scale = size / small
    half = scale / 2
    boxes = np.empty((small, 3), np.int32)
    for i in range(small):
        centre = (i + 0.5) * scale
        around = range(max(int(centre - half + 0.5), 0), min(int(centre + half + 0.5), size))
        inside = [x for x in around if -0.5 < (x - centre + 0.5) / scale <= 0.5]
        boxes[i] = inside[0], len(inside), int(0.5 + 2**22 / len(inside))
    return boxes


@lru_cache(maxsize=64)
def _windows(size: int, small: int) -> tuple[int, Int32Array, Int32Array]:
    """The fewest pixels of a box, each box's place among the windows, and the weight of each value of a small row."""
    boxes = _boxes(size, small)
    fewest = int(boxes[:, 1].min())
    wider = boxes[:, 1] > fewest  # boxes have `fewest` pixels or one more
    return fewest, (boxes[:, 0] + size * wider).astype(np.int32), np.repeat(boxes[:, 2], 3)


@lru_cache(maxsize=64)
def _nearest(small: int, size: int) -> Int32Array:
    """The small pixel at the centre of each large pixel, found by adding up steps as Pillow does."""
    step = small / size
    place = step / 2
    nearest = np.empty(size, np.int32)
    for i in range(size):
        nearest[i] = int(place)
        place += step
    return nearest


@kernel
def _average_columns(
    rows_HR: UInt8Image,
    fewest: int,
    places_w: Int32Array,
    weights_r: Int32Array,
    windows_R: UInt16Array,
    windows_2W: UInt64Array,
    sums_r: UInt16Array,
    sums_w: UInt64Array,
    narrow_Hr: UInt8Image,
) -> None:
    rows_N, narrow_N = rows_HR.reshape(-1), narrow_Hr.reshape(-1)
    length, short, reach = np.uint64(rows_HR.shape[1]), np.uint64(narrow_Hr.shape[1]), np.uint64(3 * fewest)
    for y in range(np.uint64(rows_HR.shape[0])):
        row, to = y * length, y * short
        # sums every window of the row, though most are not used: branching on each box is twice as slow
        for i in range(length):
            windows_R[i] = np.uint16(rows_N[row + i])
        for k in range(np.uint64(3), reach, np.uint64(3)):
            for i in range(length - k):
                windows_R[i] = add(windows_R[i], np.uint16(rows_N[row + k + i]))
        for i in range(length - reach):
            windows_R[length + i] = add(windows_R[i], np.uint16(rows_N[row + reach + i]))
        for x in range(np.uint64(places_w.size)):
            sums_w[x] = windows_2W[np.uint64(places_w[x])]
        for i in range(short):
            total = add(mul(np.int32(sums_r[i]), weights_r[i]), 1 << 21)
            narrow_N[to + i] = np.uint8(shr(total, 22))


@kernel
def _average_rows(narrow_Hr: UInt8Image, boxes: Int32Array, totals_r: Int32Array, small_hr: UInt8Image) -> None:
    narrow_N, short = narrow_Hr.reshape(-1), np.uint64(narrow_Hr.shape[1])
    for y in range(boxes.shape[0]):
        for i in range(short):
            totals_r[i] = np.int32(0)
        for k in range(boxes[y, 0], boxes[y, 0] + boxes[y, 1]):
            row = np.uint64(k) * short
            for i in range(short):
                totals_r[i] = add(totals_r[i], np.int32(narrow_N[row + i]))
        to, weight = np.uint64(y) * short, boxes[y, 2]
        for i in range(short):
            small_hr[to + i] = np.uint8(shr(add(mul(totals_r[i], weight), 1 << 21), 22))


@kernel
def _repeat(
    small_w: UInt32Array, rows_H: Int32Array, columns_W: Int32Array, large_N: UInt8Array, large_P: UInt32Array
) -> None:
    width, length = np.uint64(columns_W.size), np.uint64(3 * columns_W.size)
    columns = np.uint64(small_w.size) // np.uint64(rows_H[rows_H.size - 1] + 1)
    for y in range(np.uint64(rows_H.size)):
        if y > 0 and rows_H[y] == rows_H[y - np.uint64(1)]:
            for i in range(length):
                large_N[y * length + i] = large_N[y * length - length + i]
        else:
            row = np.uint64(rows_H[y]) * columns
            for x in range(width):
                large_P[y * width + x] = small_w[row + np.uint64(columns_W[x])]


CORRUPTION = Corruption(
    name="pixelate",
    group="digital",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    variants=MappingProxyType({"cifar": partial(apply, constants=CIFAR)}),
    digests=MappingProxyType({"published": "f73071e19a089af7", "cifar": "555c060548bf20a0"}),
)
