"""The Gaussian filter of scikit-image, `skimage.filters.gaussian`, in float32.

The filter is separable and ends at `truncate` standard deviations. It goes over columns first, then rows; the weight of
a distance is applied to the sum of the two values at that distance. Results are in the units of the input and are not
rounded. Where the input is even, they lie within 1e-4 of it, for values up to 255.

For a standard deviation s of 8/3 px or more, `blur` takes a short cut. It splits the columns' filter in two of
s / sqrt(2), and computes the first of them, and the rows, only for one row in 3/4 s. That is twice as fast at 3 px and
four times as fast at 6 px. Values stay within 0.07 levels of the direct way.
"""

from functools import cache, lru_cache
from math import exp, sqrt
from typing import Literal, TypeAlias

import numpy as np

from robustbench_cls.core.arrays import Float32Array, Int32Array, UInt8Image
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.scratch import scratch

Mode: TypeAlias = Literal["nearest", "reflect"]
"""Values outside the image: the edge value (`nearest`), or the mirror image with the edge value twice (`reflect`)."""

EVEN = 2.0**-13
"""Added before rounding down, so that float32 leaves an even area as it is."""


def smooth(values_HWC: Float32Array, sigma: float, mode: Mode = "nearest", truncate: float = 4.0) -> Float32Array:
    """A blurred copy; each channel is blurred by itself, and `sigma` is in pixels."""
    height, width, channels = values_HWC.shape
    taps = _taps(sigma, truncate)
    reach = taps.size - 1
    places_P, outside_2R = _places(-reach, height + reach, height, mode), _outside(width, reach, channels, mode)
    smooth_HWC = np.empty(values_HWC.shape, np.float32)
    pad = _row(width * channels, outside_2R)
    _smooth(values_HWC.reshape(height, -1), places_P, 1, taps, outside_2R, taps, pad, smooth_HWC.reshape(height, -1))
    return smooth_HWC


def blur(image_HW3: UInt8Image, sigma: float) -> UInt8Image:
    """The image blurred and rounded down. Edges are continued."""
    height, width, _ = image_HW3.shape
    values_HV = scratch("blur_values", (height, width * 3), np.float32)
    _lift(image_HW3.reshape(-1), values_HV.reshape(-1))
    step = max(1, int(sigma * 3 / 4))
    taps = _taps(sigma, 4.0)
    outside_2R = _outside(width, taps.size - 1, 3, "nearest")
    pad = _row(width * 3, outside_2R)
    if step == 1:
        smooth_HV = scratch("blur_smooth", (height, width * 3), np.float32)
        places_P = _places(1 - taps.size, height + taps.size - 1, height, "nearest")
        _smooth(values_HV, places_P, 1, taps, outside_2R, taps, pad, smooth_HV)
    else:
        half = _taps(sigma / sqrt(2), 4.0)
        first_H, weights_HT = _between(height, step, sigma / sqrt(2))
        before, count = -int(first_H[0]), int(first_H[-1] - first_H[0]) + weights_HT.shape[1]
        start = -before * step
        places_P = _places(start - half.size + 1, start + (count - 1) * step + half.size, height, "nearest")
        few_JV = scratch("blur_smooth", (count, width * 3), np.float32)
        _smooth(values_HV, places_P, step, half, outside_2R, taps, pad, few_JV)
        smooth_HV = values_HV  # reused: it is no longer needed, and it is in the processor's cache
        _interpolate(few_JV, first_H + np.int32(before), weights_HT, smooth_HV)
    blurred = np.empty_like(image_HW3, order="C")
    _lower(smooth_HV.reshape(-1), blurred.reshape(-1))
    return blurred


def _row(length: int, outside_2R: Int32Array) -> Float32Array:
    """Memory for a row and its padding. Allocating inside a kernel would take numba a second more to compile."""
    return scratch("smooth_row", (length + 2 * outside_2R.shape[1],), np.float32)


@cache
def _taps(sigma: float, truncate: float) -> Float32Array:
    """The weights at distance 0, 1, 2 ... Counted on both sides, they sum to 1."""
    reach = int(truncate * sigma + 0.5)
    heights = [exp(-0.5 * (distance / sigma) ** 2) for distance in range(reach + 1)]
    total = heights[0] + 2 * sum(heights[1:])
    unused = 4 - reach if reach < 4 else reach % 2  # the loops go from 4 to 6, 8 ...
    return np.array([height / total for height in heights] + [0.0] * unused, np.float32)


@lru_cache(maxsize=64)
def _places(start: int, stop: int, size: int, mode: Mode) -> Int32Array:
    """The place inside 0 .. size - 1 whose value each place of start .. stop - 1 takes."""
    places_P = np.arange(start, stop, dtype=np.int32)
    if mode == "reflect":
        phase_P = places_P % np.int32(2 * size)
        places_P = np.minimum(phase_P, np.int32(2 * size - 1) - phase_P)
    return np.clip(places_P, np.int32(0), np.int32(size - 1))


@lru_cache(maxsize=64)
def _outside(width: int, reach: int, channels: int, mode: Mode) -> Int32Array:
    """The places inside a row of interleaved channels from which its padding on the left and on the right comes."""
    left_R, right_R = _places(-reach, 0, width, mode), _places(width, width + reach, width, mode)
    both_2RC = np.stack([left_R, right_R])[..., None] * np.int32(channels) + np.arange(channels, dtype=np.int32)
    return np.reshape(both_2RC, (2, reach * channels))


@lru_cache(maxsize=64)
def _between(height: int, step: int, sigma: float) -> tuple[Int32Array, Float32Array]:
    """For each row: the first of the computed rows, `step` apart, that it is interpolated from, and their weights."""
    count = 2 * int(4 * sigma / step + 0.5)
    first_H = np.arange(height, dtype=np.int32) // np.int32(step) - np.int32(count // 2 - 1)
    weights = []
    for phase in range(step):
        distances = [phase - step * (i - count // 2 + 1) for i in range(count)]
        heights = [exp(-0.5 * (distance / sigma) ** 2) for distance in distances]
        weights.append([height / sum(heights) for height in heights])
    return first_H, np.array(weights, np.float32)[np.arange(height) % step]


@kernel
def _lift(levels_N: UInt8Image, values_N: Float32Array) -> None:
    for i in range(levels_N.size):
        values_N[i] = np.float32(levels_N[i])


@kernel
def _lower(values_N: Float32Array, levels_N: UInt8Image) -> None:
    for i in range(values_N.size):
        levels_N[i] = np.uint8(np.int32(min(values_N[i] + np.float32(EVEN), np.float32(255))))


# Four distances in the first loop, and two in each further one: fewer passes over the sum. Rows are places in a flat
# array, and not views of it, because each view costs as much as a loop over 100 values.


@kernel
def _begin(
    values_N: Float32Array,
    middle: np.uint64,
    left1: np.uint64,
    right1: np.uint64,
    left2: np.uint64,
    right2: np.uint64,
    left3: np.uint64,
    right3: np.uint64,
    left4: np.uint64,
    right4: np.uint64,
    taps: Float32Array,
    sums_N: Float32Array,
    to: np.uint64,
    length: np.uint64,
) -> None:
    tap0, tap1, tap2, tap3, tap4 = taps[0], taps[1], taps[2], taps[3], taps[4]
    for x in range(length):
        near = (values_N[left1 + x] + values_N[right1 + x]) * tap1 + (values_N[left2 + x] + values_N[right2 + x]) * tap2
        far = (values_N[left3 + x] + values_N[right3 + x]) * tap3 + (values_N[left4 + x] + values_N[right4 + x]) * tap4
        sums_N[to + x] = values_N[middle + x] * tap0 + (near + far)


@kernel
def _go_on(
    values_N: Float32Array,
    left1: np.uint64,
    right1: np.uint64,
    left2: np.uint64,
    right2: np.uint64,
    near: np.float32,
    far: np.float32,
    sums_N: Float32Array,
    to: np.uint64,
    length: np.uint64,
) -> None:
    for x in range(length):
        first, second = values_N[left1 + x] + values_N[right1 + x], values_N[left2 + x] + values_N[right2 + x]
        sums_N[to + x] += first * near + second * far


@kernel
def _smooth(
    values_HV: Float32Array,
    places_P: Int32Array,
    step: int,
    taps_down: Float32Array,
    outside_2R: Int32Array,
    taps_across: Float32Array,
    pad: Float32Array,
    smooth_JV: Float32Array,
) -> None:
    """Smooth; row j of the result is centred at place j * step + the reach of taps_down."""
    values_N, smooth_N = values_HV.reshape(-1), smooth_JV.reshape(-1)
    reach, across = taps_down.size - 1, taps_across.size - 1
    length, margin = np.uint64(values_HV.shape[1]), np.uint64(outside_2R.shape[1])
    d = margin // np.uint64(across)
    for j in range(smooth_JV.shape[0]):
        centre = j * step + reach
        _begin(
            values_N,
            np.uint64(places_P[centre]) * length,
            np.uint64(places_P[centre - 1]) * length,
            np.uint64(places_P[centre + 1]) * length,
            np.uint64(places_P[centre - 2]) * length,
            np.uint64(places_P[centre + 2]) * length,
            np.uint64(places_P[centre - 3]) * length,
            np.uint64(places_P[centre + 3]) * length,
            np.uint64(places_P[centre - 4]) * length,
            np.uint64(places_P[centre + 4]) * length,
            taps_down,
            pad,
            margin,
            length,
        )
        for k in range(5, reach, 2):
            _go_on(
                values_N,
                np.uint64(places_P[centre - k]) * length,
                np.uint64(places_P[centre + k]) * length,
                np.uint64(places_P[centre - k - 1]) * length,
                np.uint64(places_P[centre + k + 1]) * length,
                taps_down[k],
                taps_down[k + 1],
                pad,
                margin,
                length,
            )
        for i in range(margin):
            pad[i] = pad[margin + np.uint64(outside_2R[0, i])]
            pad[margin + length + i] = pad[margin + np.uint64(outside_2R[1, i])]
        to = np.uint64(j) * length
        _begin(
            pad,
            margin,
            margin - d,
            margin + d,
            margin - np.uint64(2) * d,
            margin + np.uint64(2) * d,
            margin - np.uint64(3) * d,
            margin + np.uint64(3) * d,
            margin - np.uint64(4) * d,
            margin + np.uint64(4) * d,
            taps_across,
            smooth_N,
            to,
            length,
        )
        for k in range(5, across, 2):
            here = np.uint64(k) * d
            _go_on(
                pad,
                margin - here,
                margin + here,
                margin - here - d,
                margin + here + d,
                taps_across[k],
                taps_across[k + 1],
                smooth_N,
                to,
                length,
            )


@kernel
def _interpolate(few_JV: Float32Array, first_H: Int32Array, weights_HT: Float32Array, values_HV: Float32Array) -> None:
    few_N, values_N, length = few_JV.reshape(-1), values_HV.reshape(-1), np.uint64(values_HV.shape[1])
    for y in range(values_HV.shape[0]):
        row, to, weight = np.uint64(first_H[y]) * length, np.uint64(y) * length, weights_HT[y, 0]
        for x in range(length):
            values_N[to + x] = few_N[row + x] * weight
        for t in range(1, weights_HT.shape[1]):
            row += length
            weight = weights_HT[y, t]
            for x in range(length):
                values_N[to + x] += few_N[row + x] * weight
