"""Zoom blur: a camera that moves towards its subject.

Takes the mean of the image, of the image again (zoom 1), and of enlargements of its centre by bilinear interpolation
with corners aligned, and rounds down. The code that made the published files does the same. No randomness.

Each enlargement is computed in whole numbers: columns first, with weights in 1/256, then rows, rounded to 1/8 level
before they are added up. The reference adds up in single precision. So one value in a hundred is a level apart; and
where the picture is flat, a quarter of the levels come out one lower, which the sums' first term reproduces.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `zoom_blur` of hendrycks/robustness.
"""

from collections.abc import Sequence
from functools import cache, lru_cache, partial
from math import ceil
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.arrays import Int16Array, Int32Array, UInt8Image, UInt16Array, UInt64Array
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.kernel import add, high, kernel, mul, shr, sub
from robustbench_cls.core.keys import Key
from robustbench_cls.core.scratch import scratch

ZOOMS = ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03))
"""End and step of the zoom factors, by severity. They start at 1; the end is left out, but for a rounding error."""

CIFAR = ((1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01))
"""The same of CIFAR-10-C, from `make_cifar_c.py` of hendrycks/robustness."""

GROUP = 8
"""Pixels that are enlarged at once: 64-bit words of a 512-bit register. No more than two of them repeat a column."""


def apply(
    image_HW3: UInt8Image, severity: int, key: Key, constants: Sequence[tuple[float, float]] = ZOOMS
) -> UInt8Image:
    """See `Corruption.apply`."""
    return render(image_HW3, severity, constants)


def render(image_HW3: UInt8Image, severity: int, constants: Sequence[tuple[float, float]] = ZOOMS) -> UInt8Image:
    """The image, blurred from its centre outwards."""
    height, width, _ = image_HW3.shape
    layers = _layers(constants[severity - 1], height, width)
    wide = layers.column_weights_LV.shape[1]
    pairs_HP = scratch("zoom_pairs", (height, wide // 4 + 2 * GROUP), np.uint64)
    sums_HW = scratch("zoom_sums", (height, wide // 4), np.uint64)
    blurred = np.empty_like(image_HW3)
    _pair(image_HW3.reshape(height, -1), _starts(constants[severity - 1]), pairs_HP, sums_HW)
    _add_layers(
        pairs_HP.view(np.uint16),
        *layers,
        np.zeros(len(layers.rows_LH), np.int32),
        scratch("zoom_rows", (2 * len(layers.rows_LH) * wide,), np.int16),
        sums_HW.view(np.uint16),
        np.float32(1 / (8 * (len(layers.rows_LH) + 2))),
        blurred.reshape(height, -1),
    )
    return blurred


class _Layers(NamedTuple):
    """The pixels and weights that the L enlargements take, zoom 1 not among them, for C groups of `GROUP` pixels.

    The pixels of a group come from columns one after the other, but for one or two of them that come again.
    """

    groups_LC3: Int32Array
    """Three places: of the left column of a group's first pixel in a row of `pairs`, and of the values in the group, 4
    for each pixel, from which on columns come again for the first and for the second time."""
    column_weights_LV: UInt16Array
    """Weight of the right column in 1/256, four times for each pixel."""
    rows_LH: Int32Array
    """The upper one of the two rows."""
    row_weights_LH: Int16Array
    """Weight of the lower row in 1/32768."""


@lru_cache(maxsize=64)
def _layers(zooming: tuple[float, float], height: int, width: int) -> _Layers:
    end, step = zooming
    zooms = np.arange(1, end, step)[1:]
    columns = [_places(width, zoom) for zoom in zooms]
    rows = [_places(height, zoom) for zoom in zooms]
    column_weights = np.array([np.round(share * 256) for _, share in columns]).astype(np.uint16)
    beyond = -width % GROUP
    places_LCG = np.pad([place for place, _ in columns], ((0, 0), (0, beyond)), "edge").reshape(len(zooms), -1, GROUP)
    behind_LCG = np.arange(GROUP) - (places_LCG - places_LCG[..., :1])
    repeats = [GROUP - np.sum(behind_LCG >= times, axis=-1) for times in (1, 2)]
    return _Layers(
        4 * np.stack([places_LCG[..., 0] + GROUP, *repeats], axis=-1).astype(np.int32),
        np.repeat(np.pad(column_weights, ((0, 0), (0, beyond))), 4, axis=1),
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
def _starts(zooming: tuple[float, float]) -> UInt64Array:
    """The sums' first term: twice each value in 1/8 levels, less one where the reference darkens a flat picture."""
    end, step = zooming
    layers = len(np.arange(1, end, step))
    values = (np.arange(256) / 255.0).astype(np.float32)
    flat = values.copy()
    for _ in range(layers):
        flat += values
    lower = np.floor(np.clip(flat / (layers + 1), 0, 1) * 255) < np.arange(256)
    starts: UInt64Array = (np.arange(256) * 16 - lower).astype(np.uint64)
    return starts


@kernel
def _pair(rows_HR: UInt8Image, starts: UInt64Array, pairs_HP: UInt64Array, sums_HW: UInt64Array) -> None:
    # 16 bits for each channel: the pixel's value, and above it that of its right neighbour
    width, margin = rows_HR.shape[1] // 3, GROUP
    for y in range(pairs_HP.shape[0]):
        row, pairs, sums = rows_HR[y], pairs_HP[y, margin:], sums_HW[y]
        for x in range(width):
            red, green, blue = row[3 * x], row[3 * x + 1], row[3 * x + 2]
            pairs[x] = np.uint64(red) | np.uint64(green) << np.uint64(16) | np.uint64(blue) << np.uint64(32)
            sums[x] = starts[red] | starts[green] << np.uint64(16) | starts[blue] << np.uint64(32)
        for x in range(width - 1):
            pairs[x] |= pairs[x + 1] << np.uint64(8)
        pairs[width - 1] |= pairs[width - 1] << np.uint64(8)


@kernel
def _add_layers(
    pairs_HV: UInt16Array,
    groups_LC3: Int32Array,
    column_weights_LV: UInt16Array,
    rows_LH: Int32Array,
    row_weights_LH: Int16Array,
    next_L: Int32Array,
    enlarged_N: Int16Array,
    sums_HV: UInt16Array,
    share: np.float32,
    blurred_HR: UInt8Image,
) -> None:
    # row by row, so that sums stay in the processor's first cache; of each layer the last two rows are kept
    pairs_N, groups_N = pairs_HV.reshape(-1), groups_LC3.reshape(-1)
    weights_N, sums_N = column_weights_LV.reshape(-1), sums_HV.reshape(-1)
    blurred_N, width = blurred_HR.reshape(-1), np.uint64(blurred_HR.shape[1])
    height, length, pitch = rows_LH.shape[1], np.uint64(sums_HV.shape[1]), np.uint64(pairs_HV.shape[1])
    for y in range(height):
        to = np.uint64(y) * length
        for layer in range(rows_LH.shape[0]):
            kept, upper = np.uint64(2 * layer) * length, rows_LH[layer, y]
            lower = min(upper + 1, height - 1)
            for row in range(upper if y == 0 else next_L[layer], lower + 1):
                _enlarge(
                    pairs_N,
                    np.uint64(row) * pitch,
                    groups_N,
                    np.uint64(3 * layer) * np.uint64(groups_LC3.shape[1]),
                    weights_N,
                    np.uint64(layer) * length,
                    length,
                    enlarged_N,
                    kept + np.uint64(row & 1) * length,
                )
            next_L[layer] = lower + 1
            above, below = kept + np.uint64(upper & 1) * length, kept + np.uint64(lower & 1) * length
            weight = row_weights_LH[layer, y]
            for i in range(length):
                value = enlarged_N[above + i]
                value = add(shr(value, 1), high(sub(enlarged_N[below + i], value), weight))
                sums_N[to + i] = add(sums_N[to + i], shr(add(np.uint16(value), 4), 3))
        _divide(sums_N, to, share, blurred_N, np.uint64(y) * width, width)


@kernel
def _enlarge(
    pairs_N: UInt16Array,
    start: np.uint64,
    groups_N: Int32Array,
    group: np.uint64,
    weights_N: UInt16Array,
    weight: np.uint64,
    length: np.uint64,
    enlarged_N: Int16Array,
    to: np.uint64,
) -> None:
    # three reads of neighbours and a choice are faster than one read at a place that must be looked up
    one, two, values = np.uint64(4), np.uint64(8), np.uint64(4 * GROUP)
    for c in range(length // values):
        at, done = group + np.uint64(3) * c, c * values
        place = start + np.uint64(groups_N[at])
        first, second = np.int16(groups_N[at + np.uint64(1)]), np.int16(groups_N[at + np.uint64(2)])
        for i in range(values):
            fresh, again, twice = pairs_N[place + i], pairs_N[place + i - one], pairs_N[place + i - two]
            isf = np.uint16(shr(sub(np.int16(i), first), 15))
            iss = np.uint16(shr(sub(np.int16(i), second), 15))
            pair = np.uint16(twice ^ ((again ^ twice) & iss))
            pair = np.uint16(pair ^ ((fresh ^ pair) & isf))
            share = weights_N[weight + done + i]
            left, right = np.uint16(pair & np.uint16(255)), shr(pair, 8)
            both = add(mul(left, sub(np.uint16(256), share)), mul(right, share))
            enlarged_N[to + done + i] = np.int16(shr(both, 1))


@kernel
def _divide(
    sums_N: UInt16Array, start: np.uint64, share: np.float32, blurred_N: UInt8Image, to: np.uint64, width: np.uint64
) -> None:
    one, two, three, half = np.uint64(1), np.uint64(2), np.uint64(3), np.float32(0.5)
    for x in range(width // three):
        red, green, blue = start + np.uint64(4) * x, start + np.uint64(4) * x + one, start + np.uint64(4) * x + two
        blurred_N[to + three * x] = np.uint8(np.int32((np.float32(sums_N[red]) + half) * share))
        blurred_N[to + three * x + one] = np.uint8(np.int32((np.float32(sums_N[green]) + half) * share))
        blurred_N[to + three * x + two] = np.uint8(np.int32((np.float32(sums_N[blue]) + half) * share))


CORRUPTION = Corruption(
    name="zoom_blur",
    group="blur",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    variants=MappingProxyType({"cifar": partial(apply, constants=CIFAR)}),
    digests=MappingProxyType({"published": "8887da00eec2630e", "cifar": "76bc5d4c04f5f809"}),
)
