"""Directional blur: copies of a picture, shifted further and further along a line, weighted by half a Gaussian.

Shifts are whole pixels, edges are continued. Weights of the same shift are added up beforehand, and those of the last
shifts, less than a 65,536th together, are left to the one before them; the kernel then sums four rows at a time. The
package's blur does neither: where a picture is flat, the last bit of its float64 sums decides between two levels.

Source: `MotionBlurImage` of ImageMagick 6 and 7.
"""

from decimal import Decimal
from functools import cache
from math import ceil, cos, pi, radians, sin, sqrt
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.corruption import UInt8Image
from robustbench_cls.corruptions.kernel import Int64Array, kernel

NEGLIGIBLE = 1 / 65536
"""Weight of the last taps that are not computed."""

AS_IMAGEMAGICK = 1 / 514
"""Added before rounding down: ImageMagick rounds to 16 bits (0..65535, 257 a level), then down to 8."""

DOWN = 0.0
"""Added before rounding down, to do nothing else."""

NEAREST = 0.5
"""Added before rounding down, to round to the nearest level."""

FloatArray: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Picture: TypeAlias = UInt8Image | FloatArray


class Taps(NamedTuple):
    """Where a value of the blurred picture comes from: rows below, columns to the right, and how much; in fours.

    The picture is summed in the number type of the weights.
    """

    rows_T: Int64Array
    columns_T: Int64Array
    weights_T: FloatArray


def taps(radius: int, sigma: float, degrees: float) -> Taps:
    """The taps of ImageMagick's blur, of a Gaussian of `sigma` px, in a direction clockwise from the right."""
    weight_by_shift: dict[tuple[int, int], float] = {}
    for shift, weight in zip(_shifts(radius, degrees), _half_gaussian(radius, sigma), strict=True):
        weight_by_shift[shift] = weight_by_shift.get(shift, 0.0) + weight
    shifts, weights = list(weight_by_shift), list(weight_by_shift.values())
    while weights[-1] < NEGLIGIBLE:
        last = weights.pop()
        weights[-1] += last
    return _in_fours(shifts[: len(weights)], weights, np.float32)


def taps_of_package(radius: int, sigma: float, degrees: float, height: int, width: int) -> Taps:
    """The taps of the package's blur of a picture of this size, in its order and number type.

    Those from the first shift by the height or the width on are missing, and what remains is darker.
    """
    shifts = _shifts(radius, degrees)
    inside = [abs(down) < height and abs(right) < width for down, right in shifts] + [False]
    count = inside.index(False)
    return _in_fours(shifts[:count], _half_gaussian(radius, sigma)[:count], np.float64)


def _shifts(radius: int, degrees: float) -> list[tuple[int, int]]:
    down, right = sin(radians(degrees)), cos(radians(degrees))
    return [(ceil(i * down - 0.5), ceil(i * right - 0.5)) for i in range(2 * radius + 1)]


@cache
def _half_gaussian(radius: int, sigma: float) -> list[float]:
    """2 `radius` + 1 weights of sum 1, to the last bit the same on every machine, hence Decimal."""
    exponents = (-i * i / (2 * sigma * sigma) for i in range(2 * radius + 1))
    gaussian = np.array([float(Decimal(exponent).exp()) for exponent in exponents]) / (sqrt(2 * pi) * sigma)
    return cast(list[float], (gaussian / gaussian.sum()).tolist())


def _in_fours(shifts: list[tuple[int, int]], weights: list[float], number: type[np.floating[Any]]) -> Taps:
    missing = -len(shifts) % 4
    rows, columns = zip(*shifts, *[shifts[-1]] * missing, strict=True)
    return Taps(np.array(rows, np.int64), np.array(columns, np.int64), np.array([*weights, *[0.0] * missing], number))


def blur(picture: Picture, along: Taps, before_floor: float) -> UInt8Image:
    """The picture, HW or HWC of values 0..255, blurred, `before_floor` added, rounded down."""
    height, width = picture.shape[:2]
    values_HWC = picture.reshape(height, width, -1)
    left, right = max(0, -int(along.columns_T.min())), max(0, int(along.columns_T.max()))
    padded_HPC = np.empty((height, left + width + right, values_HWC.shape[2]), along.weights_T.dtype)
    padded_HPC[:, left : left + width] = values_HWC
    padded_HPC[:, :left] = values_HWC[:, :1]
    padded_HPC[:, left + width :] = values_HWC[:, -1:]
    starts_T = (along.columns_T + left) * values_HWC.shape[2]
    blurred = np.empty(picture.shape, np.uint8)
    padded_HV, blurred_HV = padded_HPC.reshape(height, -1), blurred.reshape(height, -1)
    sums_V = np.empty(blurred_HV.shape[1], along.weights_T.dtype)
    _sum(padded_HV, along.rows_T, starts_T, along.weights_T, before_floor, sums_V, blurred_HV)
    return blurred


@kernel
def _sum(
    padded_HV: FloatArray,
    rows_T: Int64Array,
    starts_T: Int64Array,
    weights_T: FloatArray,
    before_floor: float,
    sums_V: FloatArray,
    blurred_HV: UInt8Image,
) -> None:
    height, size = blurred_HV.shape
    for y in range(height):
        for i in range(size):
            sums_V[i] = before_floor
        for t in range(0, rows_T.size, 4):
            a_V = padded_HV[min(max(y + rows_T[t], 0), height - 1), starts_T[t] : starts_T[t] + size]
            b_V = padded_HV[min(max(y + rows_T[t + 1], 0), height - 1), starts_T[t + 1] : starts_T[t + 1] + size]
            c_V = padded_HV[min(max(y + rows_T[t + 2], 0), height - 1), starts_T[t + 2] : starts_T[t + 2] + size]
            d_V = padded_HV[min(max(y + rows_T[t + 3], 0), height - 1), starts_T[t + 3] : starts_T[t + 3] + size]
            a, b, c, d = weights_T[t], weights_T[t + 1], weights_T[t + 2], weights_T[t + 3]
            for i in range(size):
                sums_V[i] = sums_V[i] + a_V[i] * a + b_V[i] * b + c_V[i] * c + d_V[i] * d
        blurred_V = blurred_HV[y]
        for i in range(size):
            blurred_V[i] = np.uint8(sums_V[i])
