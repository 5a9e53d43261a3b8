"""Defocus blur: a lens out of focus.

Convolves each channel with a disk whose edge a Gaussian softens, and rounds down. Borders are mirrored without the
edge value. Sums over the disk come from sums over its columns, which are carried from row to row, exactly in 16 bits.
Softening follows, as a filter of three values down and across. No randomness.

The code that made the published files does the same. There the two largest disks fill their array, and softening
mirrors the array at its border, so the image gets 1.3 % and 1.1 % brighter; the terms at the disk's edge reproduce
that. At severity 5 its softening has five values in each direction; the outer ones, 0.0003, are here added to the
inner ones.

At severity 4 of CIFAR-10-C the softening is so weak that double precision decides how a twelfth of the values rounds;
they lie a level apart here.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `defocus_blur` of hendrycks/robustness.
"""

from collections.abc import Sequence
from functools import cache, lru_cache, partial
from math import exp, isqrt
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from robustbench_cls.core.arrays import Float32Array, Int32Array, UInt8Image, UInt16Array
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.kernel import add, kernel, sub
from robustbench_cls.core.keys import Key
from robustbench_cls.core.scratch import scratch

LENS = ((3.0, 0.1), (4.0, 0.5), (6.0, 0.5), (8.0, 0.5), (10.0, 0.5))
"""Radius of the disk, and standard deviation of the softening, by severity, in pixels."""

CIFAR = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1))
"""The same of CIFAR-10-C, from `make_cifar_c.py` of hendrycks/robustness."""

ARRAY_REACH = 8
"""Reach in px of the array that holds a disk; the radius where that is more."""

INNER = 4
"""Columns up to this distance are summed apart from the others, because the whole sum can exceed 16 bits."""

LANES = 64
"""Step size of loops over 16-bit values. What is left over after whole steps is slow."""

TIE = 2.0**-13
"""Subtracted before rounding down where the reference's sums lie just under a whole number that they should equal;
added where they lie just over it. Rounded to single precision, its weights sum to a little less or more than 1.
"""


class Disk(NamedTuple):
    """The disk of one severity, prepared for the kernels below."""

    reach_K: Int32Array
    """How far the column at distance k from the centre reaches up and down."""
    own_K: Int32Array
    """The first column with the same reach; columns of one reach share their sums."""
    weights: Float32Array
    """Six numbers: the weights of a value, of the centre and of each neighbour in softening, of the runs at the edge,
    and of the values outside; and the number that is added before rounding down.
    """


def apply(
    image_HW3: UInt8Image, severity: int, key: Key, constants: Sequence[tuple[float, float]] = LENS
) -> UInt8Image:
    """See `Corruption.apply`."""
    return render(image_HW3, severity, constants)


def render(image_HW3: UInt8Image, severity: int, constants: Sequence[tuple[float, float]] = LENS) -> UInt8Image:
    """The blurred image."""
    height, width, _ = image_HW3.shape
    disk = _disk(*constants[severity - 1])
    margin = disk.reach_K.size + 1  # the disk, softening, and the row that leaves the sums
    wide = -(-(width + 2) * 3 // LANES) * LANES
    padded_PV = scratch("defocus_padded", (height + 2 * margin, wide + 6 * margin), np.uint16)
    _pad(image_HW3.reshape(height, -1), _mirror(height, margin), _mirror(width, margin), padded_PV)
    across_QV = scratch("defocus_across", (height + 2, width * 3), np.float32)
    columns_KV = np.zeros((disk.reach_K.size, padded_PV.shape[1]), np.uint16)
    sums_2V, values_V = np.empty((2, wide), np.uint16), np.empty(wide, np.float32)
    _sum(padded_PV, disk.reach_K, disk.own_K, disk.weights, columns_KV, sums_2V, values_V, across_QV)
    blurred = np.empty_like(image_HW3, order="C")
    both_V, soft_V = np.empty(padded_PV.shape[1], np.uint16), np.empty(width * 3, np.float32)
    blurred_HV = blurred.reshape(height, -1)
    _soften(padded_PV, across_QV, disk.reach_K, disk.weights, both_V, sums_2V, values_V, soft_V, blurred_HV)
    return blurred


@cache
def _disk(radius: float, softness: float) -> Disk:
    columns = int(radius)
    reach_K = np.array([isqrt(int(radius**2 - k**2)) for k in range(columns + 1)], np.int32)
    area = 2 * int((2 * reach_K + 1).sum()) - (2 * columns + 1)
    reach = 1 if radius <= ARRAY_REACH else 2
    heights = [exp(-0.5 * (k / softness) ** 2) for k in (0, 1, 2)][: reach + 1] + [0.0] * (2 - reach)
    centre, near, far = (height / (heights[0] + 2 * sum(heights[1:])) for height in heights)
    edge = outside = 0.0
    if radius >= ARRAY_REACH:
        run, next_run = 2 * reach_K[columns - 1] + 1, 2 * reach_K[columns - 2] + 1
        edge, outside = near + far * float(next_run / run), near
    tie = -TIE if edge or area * float(np.float32(1 / area)) < 1 else TIE
    weights = (1 / area, centre - 6 * far, near + 4 * far, edge / area, -outside / area, tie)  # as wide as before
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


# Rows are places in a flat array, and not views of it: a view takes as long as a loop over 100 values.


@kernel
def _set_both(
    values_N: UInt16Array, left: np.uint64, right: np.uint64, sums_N: UInt16Array, to: np.uint64, length: np.uint64
) -> None:
    for x in range(length):
        sums_N[to + x] = add(values_N[left + x], values_N[right + x])


@kernel
def _add_both(
    values_N: UInt16Array, left: np.uint64, right: np.uint64, sums_N: UInt16Array, to: np.uint64, length: np.uint64
) -> None:
    for x in range(length):
        sums_N[to + x] = add(sums_N[to + x], add(values_N[left + x], values_N[right + x]))


@kernel
def _add_four(
    values_N: UInt16Array,
    left: np.uint64,
    right: np.uint64,
    first: np.uint64,
    last: np.uint64,
    sums_N: UInt16Array,
    to: np.uint64,
    length: np.uint64,
) -> None:
    for x in range(length):
        near, far = add(values_N[left + x], values_N[right + x]), add(values_N[first + x], values_N[last + x])
        sums_N[to + x] = add(sums_N[to + x], add(near, far))


@kernel
def _exchange(
    values_N: UInt16Array, enters: np.uint64, leaves: np.uint64, sums_N: UInt16Array, to: np.uint64, length: np.uint64
) -> None:
    for x in range(length):
        sums_N[to + x] = sub(add(sums_N[to + x], values_N[enters + x]), values_N[leaves + x])


@kernel
def _weigh(sums_2V: UInt16Array, one: np.float32, other: np.float32, values_V: Float32Array) -> None:
    sums_N, length = sums_2V.reshape(-1), np.uint64(values_V.size)
    for x in range(length):
        values_V[x] = np.float32(sums_N[x]) * one + np.float32(sums_N[length + x]) * other


@kernel
def _spread(
    values_V: Float32Array, centre: np.float32, near: np.float32, sums_N: Float32Array, to: np.uint64, length: np.uint64
) -> None:
    """Soften across, and add the values from the second pixel on."""
    middle, right = np.uint64(3), np.uint64(6)
    for x in range(length):
        sums_N[to + x] += values_V[middle + x] * centre + (values_V[x] + values_V[right + x]) * near


@kernel
def _sum(
    padded_PV: UInt16Array,
    reach_K: Int32Array,
    own_K: Int32Array,
    weights: Float32Array,
    columns_KV: UInt16Array,
    sums_2V: UInt16Array,
    values_V: Float32Array,
    across_QV: Float32Array,
) -> None:
    """For each row from -1 to the image's height, compute the mean over the disk, softened across."""
    padded_N, columns_N, sums_N = padded_PV.reshape(-1), columns_KV.reshape(-1), sums_2V.reshape(-1)
    across_N, length = across_QV.reshape(-1), np.uint64(across_QV.shape[1])
    pitch, wide, none = np.uint64(padded_PV.shape[1]), np.uint64(sums_2V.shape[1]), np.uint64(0)
    radius = reach_K.size - 1
    margin, before = radius + 2, own_K[radius - 1]
    for k in range(radius + 1):  # as for row -2
        for y in range(margin - 2 - reach_K[k], margin - 1 + reach_K[k]):
            for x in range(pitch):
                to = np.uint64(k) * pitch + x
                columns_N[to] = add(columns_N[to], padded_N[np.uint64(y) * pitch + x])
    for q in range(across_QV.shape[0]):
        y = q + margin - 1
        for k in range(radius + 1):
            if own_K[k] == k:
                enters, leaves = np.uint64(y + reach_K[k]) * pitch, np.uint64(y - 1 - reach_K[k]) * pitch
                _exchange(padded_N, enters, leaves, columns_N, np.uint64(k) * pitch, pitch)
        centre = np.uint64(3 * (margin - 1))
        for x in range(wide):
            sums_N[x] = columns_N[centre + x]
            sums_N[wide + x] = np.uint16(0)
        for k in range(1, radius + 1, 2):
            to, step = none if k < INNER else wide, np.uint64(3 * k)
            own = np.uint64(own_K[k]) * pitch + centre
            if k == radius:
                _add_both(columns_N, own - step, own + step, sums_N, to, wide)
            else:
                next_own, next_step = np.uint64(own_K[k + 1]) * pitch + centre, np.uint64(3 * k + 3)
                _add_four(
                    columns_N, own - step, own + step, next_own - next_step, next_own + next_step, sums_N, to, wide
                )
        _weigh(sums_2V, weights[0], weights[0], values_V)
        row = np.uint64(q) * length
        for x in range(length):
            across_N[row + x] = np.float32(0)
        _spread(values_V, weights[1], weights[2], across_N, row, length)
        if weights[3] > 0:
            edge, outside = np.uint64(before) * pitch, np.uint64(radius) * pitch
            _set_both(columns_N, edge + np.uint64(6), edge + np.uint64(3 * (margin + radius)), sums_N, none, wide)
            farther = outside + np.uint64(3 * (margin + radius + 1))
            _set_both(columns_N, outside + np.uint64(3), farther, sums_N, wide, wide)
            _weigh(sums_2V, weights[3], weights[4], values_V)
            for x in range(length):
                across_N[row + x] += values_V[x]


@kernel
def _soften(
    padded_PV: UInt16Array,
    across_QV: Float32Array,
    reach_K: Int32Array,
    weights: Float32Array,
    both_V: UInt16Array,
    sums_2V: UInt16Array,
    values_V: Float32Array,
    soft_V: Float32Array,
    blurred_HV: UInt8Image,
) -> None:
    """Soften down, add what softening leaves at the upper and lower edge of the array, and round down."""
    padded_N, sums_N, across_N, blurred_N = (
        padded_PV.reshape(-1),
        sums_2V.reshape(-1),
        across_QV.reshape(-1),
        blurred_HV.reshape(-1),
    )
    length, pitch, wide = np.uint64(blurred_HV.shape[1]), np.uint64(padded_PV.shape[1]), np.uint64(sums_2V.shape[1])
    radius, none = reach_K.size - 1, np.uint64(0)
    margin, start = radius + 2, np.uint64(3 * (radius + 1))
    centre, near, tie, reach = weights[1], weights[2], weights[5], reach_K[radius - 1]
    for y in range(blurred_HV.shape[0]):
        above = np.uint64(y) * length
        middle, below = above + length, above + length + length
        for x in range(length):
            soft_V[x] = across_N[middle + x] * centre + (across_N[above + x] + across_N[below + x]) * near
        if weights[3] > 0:
            upper, lower = np.uint64(y + margin - radius) * pitch, np.uint64(y + margin + radius) * pitch
            _set_both(padded_N, upper, lower, both_V, none, pitch)
            for x in range(wide):
                sums_N[x] = both_V[start + x]
            for k in range(1, reach + 1):
                _add_both(both_V, start - np.uint64(3 * k), start + np.uint64(3 * k), sums_N, none, wide)
            _set_both(padded_N, upper - pitch + start, lower + pitch + start, sums_N, wide, wide)
            _weigh(sums_2V, weights[3], weights[4], values_V)
            _spread(values_V, centre, near, soft_V, none, length)
        for x in range(length):
            blurred_N[above + x] = np.uint8(np.int32(max(min(soft_V[x] + tie, np.float32(255)), np.float32(0))))


CORRUPTION = Corruption(
    name="defocus_blur",
    group="blur",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    variants=MappingProxyType({"cifar": partial(apply, constants=CIFAR)}),
    digests=MappingProxyType({"published": "4bed13a038daa916", "cifar": "33b9daafc537f57b"}),
)
