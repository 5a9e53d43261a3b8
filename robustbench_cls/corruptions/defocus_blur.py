"""Defocus blur: a lens out of focus.

Convolves each channel with a disk whose edge a Gaussian softens, and rounds down. Borders are mirrored without the
edge value. Sums over the disk come from sums over its columns, which are carried from row to row, exactly in 16 bits.
Softening follows, as a filter of three values down and across. No randomness.

The code that made the published files does the same. There the two largest disks fill their array, and softening
mirrors the array at its border, so the image gets 1.3 % and 1.1 % brighter; the terms at the disk's edge reproduce
that. At severity 5 its softening has five values in each direction; the outer ones, 0.0003, are here added to the
inner ones.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `defocus_blur` of hendrycks/robustness.
"""

from functools import cache, lru_cache
from math import exp, isqrt
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from robustbench_cls.core.arrays import Float32Array, Int32Array, UInt8Image, UInt16Array
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.keys import Key
from robustbench_cls.core.scratch import scratch

RADIUS = (3, 4, 6, 8, 10)
"""Radius of the disk by severity, in pixels."""

SOFTNESS = (0.1, 0.5, 0.5, 0.5, 0.5)
"""Standard deviation of the softening by severity, in pixels."""

ARRAY_REACH = 8
"""Reach in px of the array that holds a disk; the radius where that is more."""

INNER = 4
"""Columns up to this distance are summed apart from the others, because the whole sum can exceed 16 bits."""

LANES = 64
"""Step size of loops over 16-bit values. What is left over after whole steps is slow."""

TIE = 2.0**-13
"""Subtracted before rounding down: the reference's sums lie just under a whole number where they should equal it."""


class Disk(NamedTuple):
    """The disk of one severity, prepared for the kernels below."""

    reach_K: Int32Array
    """How far the column at distance k from the centre reaches up and down."""
    own_K: Int32Array
    """The first column with the same reach; columns of one reach share their sums."""
    weights: Float32Array
    """Five weights: of a value, of the centre and of each neighbour in softening, of the runs at the edge, and of the
    values outside.
    """


def apply(image_HW3: UInt8Image, severity: int, key: Key) -> UInt8Image:
    """See `Corruption.apply`."""
    return render(image_HW3, severity)


def render(image_HW3: UInt8Image, severity: int) -> UInt8Image:
    """The blurred image."""
    height, width, _ = image_HW3.shape
    disk = _disk(severity)
    margin = disk.reach_K.size + 1  # the disk, softening, and the row that leaves the sums
    wide = -(-(width + 2) * 3 // LANES) * LANES
    padded_PV = scratch("defocus_padded", (height + 2 * margin, wide + 6 * margin), np.uint16)
    _pad(image_HW3.reshape(height, -1), _mirror(height, margin), _mirror(width, margin), padded_PV)
    across_QV = scratch("defocus_across", (height + 2, width * 3), np.float32)
    length = padded_PV.shape[1]
    columns_KV = np.zeros((disk.reach_K.size, length), np.uint16)
    nothing_V, both_V = np.zeros(length, np.uint16), np.empty(length, np.uint16)
    sums_2V, values_V = np.empty((2, wide), np.uint16), np.empty(wide, np.float32)
    _sum(padded_PV, disk.reach_K, disk.own_K, disk.weights, columns_KV, nothing_V, sums_2V, values_V, across_QV)
    blurred = np.empty_like(image_HW3, order="C")
    soft_V = np.empty(width * 3, np.float32)
    blurred_HV = blurred.reshape(height, -1)
    _soften(padded_PV, across_QV, disk.reach_K, disk.weights, both_V, nothing_V, sums_2V, values_V, soft_V, blurred_HV)
    return blurred


@cache
def _disk(severity: int) -> Disk:
    radius, softness = RADIUS[severity - 1], SOFTNESS[severity - 1]
    reach_K = np.array([isqrt(radius**2 - k**2) for k in range(radius + 1)], np.int32)
    area = 2 * int((2 * reach_K + 1).sum()) - (2 * radius + 1)
    reach = 1 if radius <= ARRAY_REACH else 2
    heights = [exp(-0.5 * (k / softness) ** 2) for k in (0, 1, 2)][: reach + 1] + [0.0] * (2 - reach)
    centre, near, far = (height / (heights[0] + 2 * sum(heights[1:])) for height in heights)
    edge = outside = 0.0
    if radius >= ARRAY_REACH:
        run, next_run = 2 * reach_K[radius - 1] + 1, 2 * reach_K[radius - 2] + 1
        edge, outside = near + far * float(next_run / run), near
    weights = (1 / area, centre - 6 * far, near + 4 * far, edge / area, -outside / area)  # as wide as before
    own_K = np.array([list(reach_K).index(reach) for reach in reach_K], np.int32)
    return Disk(reach_K, own_K, np.array(weights, np.float32))


@lru_cache(maxsize=64)
def _mirror(size: int, margin: int) -> Int32Array:
    """The place inside the axis that each place from -margin to size + margin - 1 mirrors."""
    last = np.int32(size - 1)
    places_P: Int32Array = np.arange(-margin, size + margin, dtype=np.int32)
    mirrored_P: Int32Array = last - np.abs(last - np.abs(places_P))
    return mirrored_P


@kernel
def _pad(image_HV: UInt8Image, rows_P: Int32Array, columns_P: Int32Array, padded_PV: UInt16Array) -> None:
    length, margin = image_HV.shape[1], 3 * columns_P.size - image_HV.shape[1]
    for p in range(padded_PV.shape[0]):
        image_V, padded_V = image_HV[rows_P[p]], padded_PV[p]
        inside_V = padded_V[margin // 2 :]
        for x in range(length):
            inside_V[x] = np.uint16(image_V[x])
        for i in range(margin // 6):
            j = columns_P.size - 1 - i
            for c in range(3):
                padded_V[3 * i + c] = np.uint16(image_V[3 * columns_P[i] + c])
                padded_V[3 * j + c] = np.uint16(image_V[3 * columns_P[j] + c])


@kernel
def _take(values_V: UInt16Array, sum_V: UInt16Array) -> None:
    for x in range(sum_V.size):
        sum_V[x] = values_V[x]


@kernel
def _add(left_V: UInt16Array, right_V: UInt16Array, sum_V: UInt16Array) -> None:
    for x in range(sum_V.size):
        sum_V[x] = np.uint16(sum_V[x] + left_V[x] + right_V[x])


@kernel
def _add_two(
    left_V: UInt16Array, right_V: UInt16Array, first_V: UInt16Array, last_V: UInt16Array, sum_V: UInt16Array
) -> None:
    for x in range(sum_V.size):
        sum_V[x] = np.uint16(sum_V[x] + left_V[x] + right_V[x] + first_V[x] + last_V[x])


@kernel
def _exchange(enters_V: UInt16Array, leaves_V: UInt16Array, sum_V: UInt16Array) -> None:
    for x in range(sum_V.size):
        sum_V[x] = np.uint16(sum_V[x] + enters_V[x] - leaves_V[x])


@kernel
def _weigh(
    one_V: UInt16Array, one: np.float32, other_V: UInt16Array, other: np.float32, values_V: Float32Array
) -> None:
    for x in range(values_V.size):
        values_V[x] = np.float32(one_V[x]) * one + np.float32(other_V[x]) * other


@kernel
def _spread(values_V: Float32Array, centre: np.float32, near: np.float32, sum_V: Float32Array) -> None:
    """Soften across, and add the values from the second pixel on."""
    middle_V, right_V = values_V[3:], values_V[6:]
    for x in range(sum_V.size):
        sum_V[x] += middle_V[x] * centre + (values_V[x] + right_V[x]) * near


@kernel
def _sum(
    padded_PV: UInt16Array,
    reach_K: Int32Array,
    own_K: Int32Array,
    weights: Float32Array,
    columns_KV: UInt16Array,
    nothing_V: UInt16Array,
    sums_2V: UInt16Array,
    values_V: Float32Array,
    across_QV: Float32Array,
) -> None:
    """For each row from -1 to the image's height, compute the mean over the disk, softened across."""
    radius = reach_K.size - 1
    margin, length, before = radius + 2, across_QV.shape[1], own_K[radius - 1]
    for k in range(radius + 1):  # as for row -2
        for y in range(margin - 2 - reach_K[k], margin - 1 + reach_K[k]):
            _exchange(padded_PV[y], nothing_V, columns_KV[k])
    for q in range(across_QV.shape[0]):
        y = q + margin - 1
        for k in range(radius + 1):
            if own_K[k] == k:
                _exchange(padded_PV[y + reach_K[k]], padded_PV[y - 1 - reach_K[k]], columns_KV[k])
        _take(columns_KV[0, 3 * (margin - 1) :], sums_2V[0])
        _take(nothing_V, sums_2V[1])
        for k in range(1, radius + 1, 2):
            sum_V = sums_2V[0 if k < INNER else 1]
            left_V, right_V = columns_KV[own_K[k], 3 * (margin - 1 - k) :], columns_KV[own_K[k], 3 * (margin - 1 + k) :]
            if k == radius:
                _add(left_V, right_V, sum_V)
            else:
                first_V, last_V = (
                    columns_KV[own_K[k + 1], 3 * (margin - 2 - k) :],
                    columns_KV[own_K[k + 1], 3 * (margin + k) :],
                )
                _add_two(left_V, right_V, first_V, last_V, sum_V)
        _weigh(sums_2V[0], weights[0], sums_2V[1], weights[0], values_V)
        across_V = across_QV[q]
        for x in range(length):
            across_V[x] = np.float32(0)
        _spread(values_V, weights[1], weights[2], across_V)
        if weights[3] > 0:
            _take(nothing_V, sums_2V[0])
            _take(nothing_V, sums_2V[1])
            _add(columns_KV[before, 6:], columns_KV[before, 3 * (margin + radius) :], sums_2V[0])
            _add(columns_KV[radius, 3:], columns_KV[radius, 3 * (margin + radius + 1) :], sums_2V[1])
            _weigh(sums_2V[0], weights[3], sums_2V[1], weights[4], values_V)
            for x in range(length):
                across_V[x] += values_V[x]


@kernel
def _soften(
    padded_PV: UInt16Array,
    across_QV: Float32Array,
    reach_K: Int32Array,
    weights: Float32Array,
    both_V: UInt16Array,
    nothing_V: UInt16Array,
    sums_2V: UInt16Array,
    values_V: Float32Array,
    soft_V: Float32Array,
    blurred_HV: UInt8Image,
) -> None:
    """Soften down, add what softening leaves at the upper and lower edge of the array, and round down."""
    radius = reach_K.size - 1
    margin, length = radius + 2, blurred_HV.shape[1]
    centre, near, reach = weights[1], weights[2], reach_K[radius - 1]
    for y in range(blurred_HV.shape[0]):
        above_V, middle_V, below_V = across_QV[y], across_QV[y + 1], across_QV[y + 2]
        for x in range(length):
            soft_V[x] = middle_V[x] * centre + (above_V[x] + below_V[x]) * near
        if weights[3] > 0:
            p, start = y + margin, 3 * (margin - 1)
            _take(padded_PV[p - radius], both_V)
            _add(padded_PV[p + radius], nothing_V, both_V)
            _take(both_V[start:], sums_2V[0])
            for k in range(1, reach + 1):
                _add(both_V[start - 3 * k :], both_V[start + 3 * k :], sums_2V[0])
            _take(nothing_V, sums_2V[1])
            _add(padded_PV[p - radius - 1, start:], padded_PV[p + radius + 1, start:], sums_2V[1])
            _weigh(sums_2V[0], weights[3], sums_2V[1], weights[4], values_V)
            _spread(values_V, centre, near, soft_V)
        blurred_V = blurred_HV[y]
        for x in range(length):
            value = max(min(soft_V[x], np.float32(255 + TIE)) - np.float32(TIE), np.float32(0))
            blurred_V[x] = np.uint8(np.int32(value))


CORRUPTION = Corruption(
    name="defocus_blur",
    group="blur",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    digests=MappingProxyType({"published": "4bed13a038daa916"}),
)
