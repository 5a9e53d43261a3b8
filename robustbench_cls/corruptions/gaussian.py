"""The Gaussian filter of scikit-image, `skimage.filters.gaussian`, in float32.

Separable and cut at `truncate` standard deviations: the columns first, then the rows, with the weights of one
distance applied to the sum of the two values there. Results are in the units of the input and not rounded; those of
an even area lie within 1e-4 of it, for values up to 255.
"""

from functools import cache
from math import exp
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from robustbench_cls.corruptions.kernel import kernel
from robustbench_cls.corruptions.streams import Float32Array

Int32Array: TypeAlias = npt.NDArray[np.int32]
Mode: TypeAlias = Literal["nearest", "reflect"]
"""What lies outside: the edge value (`nearest`), or the image mirrored with its edge value twice (`reflect`)."""


def smooth(values_HWC: Float32Array, sigma: float, mode: Mode = "nearest", truncate: float = 4.0) -> Float32Array:
    """A blurred copy, each channel by itself; `sigma` in pixels."""
    height, width, channels = values_HWC.shape
    taps = _taps(sigma, truncate)
    reach = taps.size - 1
    down_HV = np.empty((height, width * channels), np.float32)
    _down(values_HWC.reshape(height, -1), _places(height, reach, mode), taps, down_HV)
    smooth_HWC = np.empty_like(values_HWC, order="C")
    _across(down_HV, _outside(width, reach, channels, mode), taps, channels, smooth_HWC.reshape(height, -1))
    return smooth_HWC


@cache
def _taps(sigma: float, truncate: float) -> Float32Array:
    """The weights at distance 0, 1, 2 ...; all of them, both sides counted, sum to 1."""
    reach = int(truncate * sigma + 0.5)
    heights = [exp(-0.5 * (distance / sigma) ** 2) for distance in range(reach + 1)]
    total = heights[0] + 2 * sum(heights[1:])
    return np.array([height / total for height in heights], np.float32)


@cache
def _places(size: int, reach: int, mode: Mode) -> Int32Array:
    """Where the value of place -reach, ... size + reach - 1 lies inside."""
    places_P = np.arange(-reach, size + reach, dtype=np.int32)
    if mode == "nearest":
        return np.clip(places_P, 0, size - 1)
    phase_P = places_P % np.int32(2 * size)
    return np.minimum(phase_P, np.int32(2 * size - 1) - phase_P)


@cache
def _outside(width: int, reach: int, channels: int, mode: Mode) -> Int32Array:
    """Of a row of interleaved channels, where its padding on the left and on the right lies inside."""
    places_P = _places(width, reach, mode)
    both_2R: Int32Array = np.stack([places_P[:reach], places_P[reach + width :]])
    channel_C = np.arange(channels, dtype=np.int32)
    return np.reshape(both_2R[..., None] * np.int32(channels) + channel_C, (2, -1))


# Two distances a loop: half as many passes over the sum.


@kernel
def _down(values_HV: Float32Array, places_P: Int32Array, taps: Float32Array, sums_HV: Float32Array) -> None:
    reach = taps.size - 1
    for y in range(sums_HV.shape[0]):
        sum_V = sums_HV[y]
        middle_V = values_HV[places_P[y + reach]]
        for x in range(sum_V.size):
            sum_V[x] = middle_V[x] * taps[0]
        for k in range(1, reach, 2):
            near, far = taps[k], taps[k + 1]
            above_V, below_V = values_HV[places_P[y + reach - k]], values_HV[places_P[y + reach + k]]
            top_V, bottom_V = values_HV[places_P[y + reach - k - 1]], values_HV[places_P[y + reach + k + 1]]
            for x in range(sum_V.size):
                sum_V[x] += (above_V[x] + below_V[x]) * near + (top_V[x] + bottom_V[x]) * far
        if reach % 2 == 1:
            last = taps[reach]
            above_V, below_V = values_HV[places_P[y]], values_HV[places_P[y + 2 * reach]]
            for x in range(sum_V.size):
                sum_V[x] += (above_V[x] + below_V[x]) * last


@kernel
def _across(
    values_HV: Float32Array, outside_2R: Int32Array, taps: Float32Array, channels: int, sums_HV: Float32Array
) -> None:
    reach = taps.size - 1
    margin, length = outside_2R.shape[1], values_HV.shape[1]
    padded = np.empty(length + 2 * margin, np.float32)
    for y in range(values_HV.shape[0]):
        values_V = values_HV[y]
        for i in range(margin):
            padded[i] = values_V[outside_2R[0, i]]
            padded[margin + length + i] = values_V[outside_2R[1, i]]
        for x in range(length):
            padded[margin + x] = values_V[x]
        sum_V = sums_HV[y]
        for x in range(length):
            sum_V[x] = padded[margin + x] * taps[0]
        for k in range(1, reach, 2):
            near, far = taps[k], taps[k + 1]
            left_V, right_V = padded[margin - k * channels :], padded[margin + k * channels :]
            first_V, last_V = padded[margin - (k + 1) * channels :], padded[margin + (k + 1) * channels :]
            for x in range(length):
                sum_V[x] += (left_V[x] + right_V[x]) * near + (first_V[x] + last_V[x]) * far
        if reach % 2 == 1:
            last = taps[reach]
            right_V = padded[2 * margin :]
            for x in range(length):
                sum_V[x] += (padded[x] + right_V[x]) * last
