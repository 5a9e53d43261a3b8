"""Directional blur: copies of a picture, shifted further and further along a line, weighted by half a Gaussian.

Shifts are whole pixels, and edges are continued. Weights of the same shift are added up beforehand, and the kernel sums
four rows at a time in float32. The package sums in float64, whose last bits decide between two levels where a picture
is nearly even. So for the package's blur, sums that come out whole in float32 are summed again in the package's way.

Source: `MotionBlurImage` of ImageMagick 6 and 7.
"""

from decimal import Decimal
from functools import cache
from math import cos, pi, radians, sin, sqrt
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from robustbench_cls.core.arrays import Float32Array, Float64Array, Int64Array, UInt8Image
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.scratch import scratch

NEGLIGIBLE = 1 / 65536
"""ImageMagick's last taps are left out where their weight is under this: one step of its 16 bits."""

WHOLE = 1 / 2048
"""A sum this near to a level counts as whole. It is more than the rounding errors of 44 terms in float32."""

AS_IMAGEMAGICK = 1 / 514
"""Added before rounding down: ImageMagick rounds to 16 bits (0..65535, 257 a level), then down to 8."""

DOWN = 0.0
"""Added before rounding down, to do nothing else."""

NEAREST = 0.5
"""Added before rounding down, to round to the nearest level."""

FloatArray: TypeAlias = Float32Array | Float64Array
Picture: TypeAlias = UInt8Image | Float32Array


class Terms(NamedTuple):
    """The terms of a sum: how many rows below and columns to the right they lie, and their weights."""

    rows_T: Int64Array
    columns_T: Int64Array
    weights_T: FloatArray


class Taps(NamedTuple):
    """The terms whose sum is a value of the blurred picture."""

    few: Terms
    """The terms for float32, in groups of four."""
    exact: Terms
    """The terms for float64, one by one, for sums that come out whole. Empty where no sum is computed again."""


_NO_TERMS = Terms(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def taps(radius: int, sigma: float, degrees: float) -> Taps:
    """The taps of ImageMagick's blur with a Gaussian of `sigma` px. The direction counts clockwise from the right."""
    rows_T, columns_T, weights_T = _merged(*_shifts(radius, degrees), _half_gaussian(radius, sigma))
    count = len(weights_T)
    while weights_T[count - 1] < NEGLIGIBLE:
        count -= 1
        weights_T[count - 1] += weights_T[count]
    return Taps(_in_fours(rows_T[:count], columns_T[:count], weights_T[:count]), _NO_TERMS)


def taps_of_package(radius: int, sigma: float, degrees: float, height: int, width: int) -> Taps:
    """The taps of the package's blur of a picture of this size.

    The package drops all taps from the first one on whose shift reaches the height or the width. So the picture
    darkens.
    """
    rows_T, columns_T = _shifts(radius, degrees)
    outside_T = np.flatnonzero((np.abs(rows_T) >= height) | (np.abs(columns_T) >= width))
    count = outside_T[0] if len(outside_T) else len(rows_T)
    terms = Terms(rows_T[:count], columns_T[:count], _half_gaussian(radius, sigma)[:count])
    return Taps(_in_fours(*_merged(*terms)), terms)


def _shifts(radius: int, degrees: float) -> tuple[Int64Array, Int64Array]:
    """The shift of each copy: rows down and columns to the right."""
    steps_T = np.arange(2 * radius + 1)
    down, right = sin(radians(degrees)), cos(radians(degrees))
    return np.ceil(steps_T * down - 0.5).astype(np.int64), np.ceil(steps_T * right - 0.5).astype(np.int64)


@cache
def _half_gaussian(radius: int, sigma: float) -> Float64Array:
    """2 `radius` + 1 weights of sum 1. Decimal makes them the same to the last bit on every machine."""
    exponents = (-i * i / (2 * sigma * sigma) for i in range(2 * radius + 1))
    gaussian = np.array([float(Decimal(exponent).exp()) for exponent in exponents]) / (sqrt(2 * pi) * sigma)
    weights_T: Float64Array = gaussian / gaussian.sum()
    return weights_T


def _merged(rows_T: Int64Array, columns_T: Int64Array, weights_T: FloatArray) -> tuple[Int64Array, Int64Array, Any]:
    """Each shift once, with the sum of its weights. Equal shifts stand side by side in the input."""
    other_T = (rows_T[1:] != rows_T[:-1]) | (columns_T[1:] != columns_T[:-1])
    firsts = np.append(0, np.flatnonzero(other_T) + 1)
    return rows_T[firsts], columns_T[firsts], np.add.reduceat(weights_T, firsts)


def _in_fours(rows_T: Int64Array, columns_T: Int64Array, weights_T: FloatArray) -> Terms:
    count = len(rows_T)
    padded_T = np.minimum(np.arange(-(-count // 4) * 4), count - 1)
    weights_4T = np.zeros(len(padded_T), np.float32)
    weights_4T[:count] = weights_T
    return Terms(rows_T[padded_T], columns_T[padded_T], weights_4T)


def blur(picture: Picture, along: Taps, before_floor: float) -> UInt8Image:
    """Blur a picture, HW or HWC of values 0..255, add `before_floor`, and round down."""
    height, width = picture.shape[:2]
    channels = picture.size // (height * width)
    few, exact = along
    left, right = max(0, -int(few.columns_T.min())), max(0, int(few.columns_T.max()))
    padded_HV = scratch("motion_padded", (height, (left + width + right) * channels), np.float32)
    _pad(picture.reshape(height, -1), left, channels, padded_HV)
    blurred = np.empty(picture.shape, np.uint8)
    blurred_HV = blurred.reshape(height, -1)
    size = blurred_HV.shape[1]
    sums_V = scratch("motion_sums", (size,), np.float32)
    starts_T = (few.columns_T + left) * channels
    whole_V = scratch("motion_whole", (-(-size // 8) * 8,), np.uint8)
    whole_V[size:] = 0
    whole_N = scratch("motion_places", (blurred.size if exact.weights_T.size else 0,), np.int64)
    start = np.float32(before_floor)
    count = _sum(padded_HV, few.rows_T, starts_T, few.weights_T, start, sums_V, whole_V, whole_N, blurred_HV)
    if count:
        starts_T = (exact.columns_T + left) * channels
        _sum_again(padded_HV, exact.rows_T, starts_T, exact.weights_T, before_floor, whole_N[:count], blurred_HV)
    return blurred


@kernel
def _pad(picture_HV: Picture, left: int, channels: int, padded_HV: Float32Array) -> None:
    size = picture_HV.shape[1]
    for y in range(picture_HV.shape[0]):
        values_V, padded_V = picture_HV[y], padded_HV[y]
        inside_V = padded_V[left * channels :]
        for i in range(size):
            inside_V[i] = np.float32(values_V[i])
        for i in range(left * channels):
            padded_V[i] = np.float32(values_V[i % channels])
        for i in range(size, inside_V.size):
            inside_V[i] = inside_V[i - channels]


@kernel
def _sum(
    padded_HV: Float32Array,
    rows_T: Int64Array,
    starts_T: Int64Array,
    weights_T: FloatArray,
    start: np.float32,
    sums_V: Float32Array,
    whole_V: UInt8Image,
    whole_N: Int64Array,
    blurred_HV: UInt8Image,
) -> int:
    """Compute the sums, and give the number of whole ones. Their places go to `whole_N`, unless that is empty."""
    near, count, eights = np.float32(WHOLE), 0, whole_V.view(np.uint64)
    padded_N, blurred_N, pitch = padded_HV.reshape(-1), blurred_HV.reshape(-1), padded_HV.shape[1]
    height, size = blurred_HV.shape[0], np.uint64(blurred_HV.shape[1])
    for y in range(height):
        for i in range(size):
            sums_V[i] = start
        for t in range(0, rows_T.size, 4):
            # places in a flat array, and not views of rows: a view takes as long as a loop over 100 values
            a = np.uint64(min(max(y + rows_T[t], 0), height - 1) * pitch + starts_T[t])
            b = np.uint64(min(max(y + rows_T[t + 1], 0), height - 1) * pitch + starts_T[t + 1])
            c = np.uint64(min(max(y + rows_T[t + 2], 0), height - 1) * pitch + starts_T[t + 2])
            d = np.uint64(min(max(y + rows_T[t + 3], 0), height - 1) * pitch + starts_T[t + 3])
            e, f, g, h = weights_T[t], weights_T[t + 1], weights_T[t + 2], weights_T[t + 3]
            for i in range(size):
                sums_V[i] = (
                    sums_V[i] + padded_N[a + i] * e + padded_N[b + i] * f + padded_N[c + i] * g + padded_N[d + i] * h
                )
        to = np.uint64(y) * size
        for i in range(size):
            blurred_N[to + i] = np.uint8(np.int32(sums_V[i]))
        if whole_N.size > 0:
            for i in range(size):
                raised = sums_V[i] + near
                whole_V[i] = (raised - np.float32(np.int32(raised)) < near + near) & (sums_V[i] > near)
            for k in range(eights.size):  # whole sums are few, so this looks at eight places at a time
                if eights[k] != 0:
                    for i in range(8 * k, 8 * k + 8):
                        if whole_V[i]:
                            whole_N[count] = y * blurred_HV.shape[1] + i
                            count += 1
    return count


@kernel
def _sum_again(
    padded_HV: Float32Array,
    rows_T: Int64Array,
    starts_T: Int64Array,
    weights_T: FloatArray,
    start: float,
    places_N: Int64Array,
    blurred_HV: UInt8Image,
) -> None:
    height, size = blurred_HV.shape
    for place in places_N:
        y, x = place // size, place % size
        total = start
        for t in range(rows_T.size):
            total += weights_T[t] * np.float64(padded_HV[min(max(y + rows_T[t], 0), height - 1), starts_T[t] + x])
        blurred_HV[y, x] = np.uint8(np.int32(total))
