"""Zoom blur: a camera that moves towards its subject.

Takes the mean of the image, of the image again (zoom 1), and of enlargements of its centre by bilinear interpolation
with corners aligned, and rounds down. The code that made the published files does the same. No randomness.

Each enlargement is computed in whole numbers: columns first, with weights in 1/256, then rows, rounded to 1/8 level
before they are added up. The reference adds up in single precision. So one value in a hundred is a level apart; and
where the picture is flat, a quarter of the levels come out one lower, which the sums' first term reproduces.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `zoom_blur` of hendrycks/robustness.
"""

from functools import cache, lru_cache
from math import ceil
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.arrays import Int16Array, Int32Array, UInt8Image, UInt16Array, UInt64Array
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.keys import Key
from robustbench_cls.core.scratch import scratch

ZOOMS = ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03))
"""End and step of the zoom factors, by severity. They start at 1; the end is left out, but for a rounding error."""


def apply(image_HW3: UInt8Image, severity: int, key: Key) -> UInt8Image:
    """See `Corruption.apply`."""
    return render(image_HW3, severity)


def render(image_HW3: UInt8Image, severity: int) -> UInt8Image:
    """The image, blurred from its centre outwards."""
    height, width, _ = image_HW3.shape
    layers = _layers(severity, height, width)
    pairs_HW = scratch("zoom_pairs", (height, width), np.uint64)
    sums_HW = scratch("zoom_sums", (height, width), np.uint64)
    _pair(image_HW3.reshape(height, -1), _starts(severity), pairs_HW, sums_HW)
    sums_HV = sums_HW.view(np.uint16)
    _add_layers(
        pairs_HW,
        *layers,
        scratch("zoom_taken", (height, width), np.uint64),
        scratch("zoom_wide", (height, 4 * width), np.int16),
        sums_HV,
    )
    blurred = np.empty_like(image_HW3)
    _divide(sums_HV, np.float32(1 / (8 * (len(layers.columns_LW) + 2))), blurred.reshape(height, -1))
    return blurred


class _Layers(NamedTuple):
    """The pixels and weights that the L enlargements take. Zoom 1 is not among them."""

    columns_LW: Int32Array
    """The left one of the two columns."""
    column_weights_LV: UInt16Array
    """Weight of the right column in 1/256, four times for each pixel."""
    rows_LH: Int32Array
    """The upper one of the two rows."""
    row_weights_LH: Int16Array
    """Weight of the lower row in 1/32768."""


@lru_cache(maxsize=64)
def _layers(severity: int, height: int, width: int) -> _Layers:
    end, step = ZOOMS[severity - 1]
    zooms = np.arange(1, end, step)[1:]
    columns = [_places(width, zoom) for zoom in zooms]
    rows = [_places(height, zoom) for zoom in zooms]
    column_weights = np.array([np.round(share * 256) for _, share in columns]).astype(np.uint16)
    return _Layers(
        np.array([place for place, _ in columns], np.int32),
        np.repeat(column_weights, 4, axis=1),
        np.array([place for place, _ in rows], np.int32),
        np.array([np.minimum(np.round(share * 32768), 32767) for _, share in rows]).astype(np.int16),
    )


def _places(size: int, zoom: float) -> tuple[Int32Array, npt.NDArray[np.float64]]:
    """For each pixel of an enlargement: the first of its two original pixels, and the share of the second."""
    shown = ceil(size / zoom)
    enlarged = round(shown * zoom)
    place = np.arange(size) * ((shown - 1) / (enlarged - 1))
    first = np.minimum(place.astype(np.int32), shown - 1)
    return first + (size - shown) // 2, np.clip(place - first, 0, 1)


@cache
def _starts(severity: int) -> UInt64Array:
    """The sums' first term: twice each value in 1/8 levels, less one where the reference darkens a flat picture."""
    end, step = ZOOMS[severity - 1]
    layers = len(np.arange(1, end, step))
    values = (np.arange(256) / 255.0).astype(np.float32)
    flat = values.copy()
    for _ in range(layers):
        flat += values
    lower = np.floor(np.clip(flat / (layers + 1), 0, 1) * 255) < np.arange(256)
    starts: UInt64Array = (np.arange(256) * 16 - lower).astype(np.uint64)
    return starts


@kernel
def _pair(rows_HR: UInt8Image, starts: UInt64Array, pairs_HW: UInt64Array, sums_HW: UInt64Array) -> None:
    # 16 bits for each channel: the pixel's value, and above it that of its right neighbour
    width = pairs_HW.shape[1]
    for y in range(pairs_HW.shape[0]):
        row, pairs, sums = rows_HR[y], pairs_HW[y], sums_HW[y]
        for x in range(width):
            red, green, blue = row[3 * x], row[3 * x + 1], row[3 * x + 2]
            pairs[x] = np.uint64(red) | np.uint64(green) << np.uint64(16) | np.uint64(blue) << np.uint64(32)
            sums[x] = starts[red] | starts[green] << np.uint64(16) | starts[blue] << np.uint64(32)
        for x in range(width - 1):
            pairs[x] |= pairs[x + 1] << np.uint64(8)
        pairs[width - 1] |= pairs[width - 1] << np.uint64(8)


@kernel
def _add_layers(
    pairs_HW: UInt64Array,
    columns_LW: Int32Array,
    column_weights_LV: UInt16Array,
    rows_LH: Int32Array,
    row_weights_LH: Int16Array,
    taken_HW: UInt64Array,
    wide_HV: Int16Array,
    sums_HV: UInt16Array,
) -> None:
    # a loop for each step over the whole image: reading in wide words what was just written in narrow ones stalls
    height = rows_LH.shape[1]
    for layer in range(rows_LH.shape[0]):
        columns, weights = columns_LW[layer], column_weights_LV[layer]
        first, end = rows_LH[layer, 0], min(rows_LH[layer, height - 1] + 2, height)
        for y in range(first, end):
            pairs, taken = pairs_HW[y], taken_HW[y]
            for x in range(columns.size):
                taken[x] = pairs[columns[x]]
        for y in range(first, end):
            values = taken_HW[y].view(np.uint16)
            wide = wide_HV[y]
            for i in range(weights.size):
                left = np.uint16(values[i] & np.uint16(255))
                right = np.uint16(values[i] >> np.uint16(8))
                both = np.uint16(left * np.uint16(np.uint16(256) - weights[i]) + right * weights[i])
                wide[i] = np.int16(both >> np.uint16(1))
        for y in range(height):
            above = wide_HV[rows_LH[layer, y]]
            below = wide_HV[min(rows_LH[layer, y] + 1, height - 1)]
            weight = np.int32(row_weights_LH[layer, y])
            sums = sums_HV[y]
            for i in range(sums.size):
                step = np.int16((np.int32(np.int16(below[i] - above[i])) * weight) >> np.int32(16))
                half = np.uint16(np.int16(above[i] >> np.int16(1)) + step)
                sums[i] += np.uint16(half + np.uint16(4)) >> np.uint16(3)


@kernel
def _divide(sums_HV: UInt16Array, share: np.float32, blurred_HR: UInt8Image) -> None:
    for y in range(sums_HV.shape[0]):
        sums, blurred = sums_HV[y], blurred_HR[y]
        for x in range(sums.size // 4):
            for channel in range(3):
                value = (np.float32(sums[4 * x + channel]) + np.float32(0.5)) * share
                blurred[3 * x + channel] = np.uint8(value)


CORRUPTION = Corruption(
    name="zoom_blur",
    group="blur",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    digests=MappingProxyType({"published": "8887da00eec2630e"}),
)
