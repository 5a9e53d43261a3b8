"""Pixelate: a small image enlarged.

Shrinks each side to a fraction, rounded down to whole pixels, by box averages, and enlarges again by nearest pixels.
The pixels are those of Pillow's `resize`: columns first, then rows, each rounded to a whole level, with weights in
2^-22. Pillow 13 takes the rows first where the picture is several times taller than wide; there a seventh of the
values is a level apart. The code that made the published files enlarges by boxes, which gives the same pixels.

No randomness.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `pixelate` of hendrycks/robustness.
"""

from functools import lru_cache
from types import MappingProxyType

import numpy as np

from robustbench_cls.core.arrays import Int32Array, UInt8Image, UInt16Array
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.keys import Key

FRACTION = (0.6, 0.5, 0.4, 0.3, 0.25)
"""Side of the small image as a share of the image's side, by severity."""


def apply(image_HW3: UInt8Image, severity: int, key: Key) -> UInt8Image:
    """See `Corruption.apply`."""
    return render(image_HW3, severity)


def render(image_HW3: UInt8Image, severity: int) -> UInt8Image:
    """The image in large pixels."""
    height, width, _ = image_HW3.shape
    rows = int(height * FRACTION[severity - 1])
    columns = int(width * FRACTION[severity - 1])
    narrow = np.empty((height, columns, 3), np.uint8)
    small = np.empty((rows, columns, 3), np.uint8)
    large = np.empty_like(image_HW3)
    sums_R = np.empty(3 * columns, np.int32)
    fewest, places_R, weights_R = _windows(width, columns)
    windows_2R = np.zeros((2, 3 * width), np.uint16)
    _average_columns(
        image_HW3.reshape(height, -1), fewest, places_R, weights_R, windows_2R, sums_R, narrow.reshape(height, -1)
    )
    _average_rows(narrow.reshape(height, -1), _boxes(height, rows), sums_R, small.reshape(rows, -1))
    _repeat(small.reshape(rows, -1), _nearest(rows, height), _nearest(columns, width), large.reshape(height, -1))
    return large


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
    """The fewest pixels of a box, and for each value of a small row its place among the windows and its weight."""
    boxes = _boxes(size, small)
    fewest = int(boxes[:, 1].min())
    wider = boxes[:, 1] > fewest  # boxes have `fewest` pixels or one more
    places = 3 * boxes[:, :1] + np.arange(3) + 3 * size * wider[:, None]
    return fewest, places.reshape(-1).astype(np.int32), np.repeat(boxes[:, 2], 3)


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
    places_r: Int32Array,
    weights_r: Int32Array,
    windows_2R: UInt16Array,
    sums_r: Int32Array,
    narrow_Hr: UInt8Image,
) -> None:
    windows = windows_2R.reshape(-1)
    narrower, wider = windows_2R[0], windows_2R[1]
    for y in range(rows_HR.shape[0]):
        row = rows_HR[y]
        # sums every window of the row, though most are not used: branching on each box is twice as slow
        for i in range(row.size):
            narrower[i] = np.uint16(row[i])
        for k in range(1, fewest):
            shifted = row[3 * k :]
            for i in range(shifted.size):
                narrower[i] += np.uint16(shifted[i])
        last = row[3 * fewest :]
        for i in range(last.size):
            wider[i] = narrower[i] + np.uint16(last[i])
        for i in range(sums_r.size):
            sums_r[i] = np.int32(windows[places_r[i]])
        out = narrow_Hr[y]
        for i in range(sums_r.size):
            out[i] = np.uint8(np.int32(sums_r[i] * weights_r[i] + np.int32(1 << 21)) >> np.int32(22))


@kernel
def _average_rows(narrow_Hr: UInt8Image, boxes: Int32Array, sums_r: Int32Array, small_hr: UInt8Image) -> None:
    for y in range(boxes.shape[0]):
        sums_r[:] = 0
        for k in range(boxes[y, 0], boxes[y, 0] + boxes[y, 1]):
            row = narrow_Hr[k]
            for i in range(sums_r.size):
                sums_r[i] += np.int32(row[i])
        out = small_hr[y]
        weight = boxes[y, 2]
        for i in range(sums_r.size):
            out[i] = np.uint8(np.int32(sums_r[i] * weight + np.int32(1 << 21)) >> np.int32(22))


@kernel
def _repeat(small_hr: UInt8Image, rows_H: Int32Array, columns_W: Int32Array, large_HR: UInt8Image) -> None:
    for y in range(rows_H.size):
        out = large_HR[y]
        if y > 0 and rows_H[y] == rows_H[y - 1]:
            above = large_HR[y - 1]
            for i in range(out.size):
                out[i] = above[i]
        else:
            row = small_hr[rows_H[y]]
            for x in range(columns_W.size):
                k = 3 * np.int64(columns_W[x])
                out[3 * x] = row[k]
                out[3 * x + 1] = row[k + 1]
                out[3 * x + 2] = row[k + 2]


CORRUPTION = Corruption(
    name="pixelate",
    group="digital",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    digests=MappingProxyType({"published": "f73071e19a089af7"}),
)
