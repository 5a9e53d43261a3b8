"""PRIME's diffeomorphisms: every pixel takes its values from a place that a random smooth field moved.

A field is a sum of sin(pi i x) sin(pi j y), with x and y of 0..1 across the image, over the pairs of whole numbers with
i^2 + j^2 < (cut + 1/2)^2. The coefficients are normal numbers of variance 1 / (i^2 + j^2). Two fields, times the square
root of a temperature and the side in px, are the moves to the left and up. Places are clipped to the image, and values
between pixels are interpolated linearly.

The n pixels of a row lie at multiples of 1 / (n - 1), where the sinusoids i, 2 (n - 1) - i and 2 (n - 1) + i are the
same but for a sign. So one normal number is drawn for all of them, and its variance is the sum of theirs. The field's
distribution stays the same. At 224 px and a cut of 500 that is a quarter of the numbers, at 32 px one in 200. The
normal numbers are those of `corruptions.streams`: 65,536 values, up to 4.33 standard deviations.

Source: Modas et al. 2022, arXiv:2112.13547, section on spatial transformations; `utils/diffeomorphism.py` of
amodas/PRIME-augmentations, which draws one field for a whole batch; Petrini et al. 2021, arXiv:2105.02468.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from robustbench_cls.core.arrays import Float32Array, Int32Array
from robustbench_cls.core.kernel import add, kernel, mul
from robustbench_cls.core.keys import Key
from robustbench_cls.core.scratch import scratch
from robustbench_cls.corruptions.streams import normals

LOWEST_CUT = 2
"""The logarithm of a cut must be above 0."""

SMALLEST = 2
"""Least side in px of the images."""

BLOCK = 16
"""Sinusoids summed together: eight of odd and eight of even number."""

Eight: TypeAlias = tuple[np.float32, np.float32, np.float32, np.float32, np.float32, np.float32, np.float32, np.float32]


@dataclass(frozen=True)
class Diffeomorphism:
    """Two fields.

    Attributes:
        cut: the highest frequency, in half periods from edge to edge.
        temperature: factor of the coefficients' variances.
        key: of the normal numbers.
    """

    cut: int
    temperature: float
    key: Key

    @classmethod
    def draw(cls, size: int, cut: int, temperature: float) -> "Diffeomorphism":
        """Draw from numpy's global generator.

        Args:
            size: side of the image in px.
            cut: no cut is above it; at least 3. The highest that this one may be is uniform in 3..cut, and the cut has
                an arcsine distribution from 2 to that.
            temperature: of the greatest temperature, as a multiple of that at which the field begins to fold over. The
                least moves pixels by about half a pixel. Between them the distribution is an arcsine one. At high cuts
                the greatest would be less than the least; there the least is taken.
        """
        span = np.random.randint(LOWEST_CUT + 1, cut + 1) + 1 - LOWEST_CUT
        place, heat = np.random.beta(0.5, 0.5), np.random.beta(0.5, 0.5)
        own = LOWEST_CUT + min(int(place * span), span - 1)
        least = 1 / (math.pi * size**2 * math.log(own))
        greatest = max(least, temperature * 4 / (math.pi**3 * own**2 * math.log(own)))
        return cls(own, least + heat * (greatest - least), Key(np.random.bytes(16)))

    def coefficients(self, size: int) -> Float32Array:
        """The coefficients in px of the sinusoids along y and then x, for moves to the left and up: 2KK.

        They lie in working memory. K is a multiple of `BLOCK`; those without a sinusoid are 0.
        """
        count = -(-min(self.cut, size - 2) // BLOCK) * BLOCK
        coefficients_2KK = normals(self.key, (2, count, count), lasting=False)
        variances_KK = scratch("prime_variances", (count, count), np.float32)
        _variances(self.cut, size - 1, variances_KK)
        _scale(variances_KK.reshape(-1), self.temperature**0.5 * size, coefficients_2KK.reshape(2, -1))
        return coefficients_2KK

    def moves(self, size: int) -> Float32Array:
        """How many px to the left and above each pixel its values lie: 2HW, in working memory."""
        coefficients_2KK, waves_KX = self.coefficients(size), _waves(size)
        sums_KW = scratch("prime_sums", (coefficients_2KK.shape[1], size), np.float32)
        moves_2HW = scratch("prime_moves", (2, size, size), np.float32)
        for coefficients_KK, moves_HW in zip(coefficients_2KK, moves_2HW, strict=True):
            _along_x(coefficients_KK, waves_KX, sums_KW)
            _along_y(sums_KW, waves_KX, moves_HW)
        return moves_2HW

    def apply(self, planes_3HW: Float32Array, out_3HW: Float32Array) -> None:
        """Write the moved channels of a square image; `out_3HW` is other memory than `planes_3HW`."""
        size = planes_3HW.shape[1]
        places_W = scratch("prime_places", (size,), np.int32)
        weights_2W = scratch("prime_weights", (2, size), np.float32)
        _move(planes_3HW, self.moves(size), places_W, weights_2W, out_3HW)


@lru_cache(maxsize=32)
def _waves(size: int) -> Float32Array:
    """The sinusoids at the pixels of the left half of a row, to the middle one and further to an even number."""
    frequencies_K1 = np.arange(1, size + BLOCK)[:, None]
    places_X = np.arange(-(-size // 4) * 2) / (size - 1)
    return np.sin(np.pi * frequencies_K1 * places_X).astype(np.float32)


@kernel
def _variances(cut: int, last: int, variances_KK: Float32Array) -> None:
    """Write the sum of the variances of all pairs of frequencies that are the same at the pixels.

    Args:
        last: place of a row's last pixel.
    """
    count, one, variances = variances_KK.shape[0], np.float32(1), variances_KK.reshape(-1)
    for i in range(variances.size):
        variances[i] = np.float32(0)
    for i in range(1, cut + 1):
        row = last - abs(i % (2 * last) - last)
        if row % last == 0:  # the sinusoid is 0 at all pixels
            continue
        most = np.int64(np.sqrt(cut * cut + cut - i * i))
        square = np.float32(i * i)
        start = (row - 1) * count - 1
        for first in range(0, most + 1, last):
            final = min(most + 1 - first, last)
            if first // last % 2 == 0:
                for j in range(1, final):
                    frequency = np.float32(np.int32(first + j))
                    variances[np.uint64(start + j)] += one / (square + frequency * frequency)
            else:
                for j in range(1, final):
                    frequency = np.float32(np.int32(first + j))
                    variances[np.uint64(start + last - j)] += one / (square + frequency * frequency)


@kernel
def _scale(variances_C: Float32Array, factor: float, coefficients_2C: Float32Array) -> None:
    coefficients, size = coefficients_2C.reshape(-1), np.uint64(variances_C.size)
    scale = np.float32(factor)
    for i in range(size):
        deviation = np.sqrt(variances_C[i]) * scale
        coefficients[i] *= deviation
        coefficients[size + i] *= deviation


@kernel
def _along_x(coefficients_KK: Float32Array, waves_KX: Float32Array, sums_KW: Float32Array) -> None:
    """Write the sums over the sinusoids along x, at each pixel of a row."""
    factors, waves, sums = coefficients_KK.reshape(-1), waves_KX.reshape(-1), sums_KW.reshape(-1)
    count, width, half = np.uint64(sums_KW.shape[0]), np.uint64(sums_KW.shape[1]), np.uint64(waves_KX.shape[1])
    one, two = np.uint64(1), np.uint64(2)
    parts = np.empty(4 * waves_KX.shape[1], np.float32)
    for k in range(np.uint64(0), count, two):
        first, second = k * count, k * count + count
        _combine(factors, first, second, two, waves, np.uint64(0), two * half, half, count, parts, np.uint64(0))
        _combine(factors, first + one, second + one, two, waves, half, two * half, half, count, parts, two * half)
        for row in range(two):
            _unfold(parts, row * half, (two + row) * half, width, sums, (k + row) * width)


@kernel
def _along_y(rows_KW: Float32Array, waves_KY: Float32Array, sums_HW: Float32Array) -> None:
    """Write the sums over the sinusoids along y."""
    rows, waves, sums = rows_KW.reshape(-1), waves_KY.reshape(-1), sums_HW.reshape(-1)
    count, width, half = np.uint64(rows_KW.shape[0]), np.uint64(rows_KW.shape[1]), np.uint64(waves_KY.shape[1])
    one, two, height = np.uint64(1), np.uint64(2), np.uint64(sums_HW.shape[0])
    parts = np.empty(4 * rows_KW.shape[1], np.float32)
    for first in range(np.uint64(0), half, two):
        y = np.uint64(first)
        _combine(waves, y, y + one, two * half, rows, np.uint64(0), two * width, width, count, parts, np.uint64(0))
        third, fourth = half + y, half + y + one
        _combine(waves, third, fourth, two * half, rows, width, two * width, width, count, parts, two * width)
        for row in range(two):
            upper, lower = (y + row) * width, (height - one - y - row) * width
            odd, even = row * width, (two + row) * width
            if y + row < (height + one) // two:
                for x in range(width):
                    sums[upper + x] = parts[odd + x] + parts[even + x]
                    sums[lower + x] = parts[odd + x] - parts[even + x]


@kernel
def _combine(
    factors: Float32Array,
    first: np.uint64,
    second: np.uint64,
    stride: np.uint64,
    rows: Float32Array,
    row: np.uint64,
    pitch: np.uint64,
    width: np.uint64,
    count: np.uint64,
    sums: Float32Array,
    to: np.uint64,
) -> None:
    """Write two sums of every second row times factors: eight rows together, so that what is loaded is used twice."""
    beyond, eight = to + width, np.uint64(BLOCK // 2)
    for x in range(width):
        sums[to + x], sums[beyond + x] = np.float32(0), np.float32(0)
    for _ in range(count // np.uint64(BLOCK)):
        a, b = _eight(factors, first, stride), _eight(factors, second, stride)
        for x in range(width):
            values = _eight(rows, row + x, pitch)
            sums[to + x] += _dot(a, values)
            sums[beyond + x] += _dot(b, values)
        first, second, row = first + eight * stride, second + eight * stride, row + eight * pitch


@kernel
def _eight(values: Float32Array, i: np.uint64, step: np.uint64) -> Eight:
    j = i + step
    k = j + step
    m = k + step
    n = m + step
    o = n + step
    p = o + step
    return values[i], values[j], values[k], values[m], values[n], values[o], values[p], values[p + step]


@kernel
def _dot(a: Eight, b: Eight) -> np.float32:
    left = (a[0] * b[0] + a[1] * b[1]) + (a[2] * b[2] + a[3] * b[3])
    both: np.float32 = left + ((a[4] * b[4] + a[5] * b[5]) + (a[6] * b[6] + a[7] * b[7]))
    return both


@kernel
def _unfold(
    parts: Float32Array,
    odd: np.uint64,
    even: np.uint64,
    width: np.uint64,
    sums: Float32Array,
    to: np.uint64,
) -> None:
    """Write a row from its left half: waves of odd number are the same on the right, the others have another sign."""
    end = to + width - np.uint64(1)
    for x in range((width + np.uint64(1)) // np.uint64(2)):
        sums[to + x] = parts[odd + x] + parts[even + x]
    for x in range(width // np.uint64(2)):
        sums[end - x] = parts[odd + x] - parts[even + x]


@kernel
def _move(
    planes_3HW: Float32Array,
    moves_2HW: Float32Array,
    places_W: Int32Array,
    weights_2W: Float32Array,
    out_3HW: Float32Array,
) -> None:
    # flat arrays and places in them: a view for each row takes longer than the loop over it
    values, moves, out = planes_3HW.reshape(-1), moves_2HW.reshape(-1), out_3HW.reshape(-1)
    weights, side = weights_2W.reshape(-1), np.int32(planes_3HW.shape[1])
    size, area, one = np.uint64(side), np.uint64(side * side), np.uint64(1)
    last, before, zero = np.float32(side - np.int32(1)), side - np.int32(2), np.float32(0)
    for y in range(size):
        for x in range(size):
            across = min(max(np.float32(np.int32(x)) - moves[y * size + x], zero), last)
            down = min(max(np.float32(np.int32(y)) - moves[area + y * size + x], zero), last)
            left, top = min(np.int32(across), np.int32(before)), min(np.int32(down), np.int32(before))
            places_W[x] = add(mul(top, side), left)
            weights[x], weights[size + x] = across - np.float32(left), down - np.float32(top)
        for channel in range(np.uint64(3)):
            start, to = channel * area, channel * area + y * size
            for x in range(size):
                i = start + np.uint64(np.uint32(places_W[x]))
                a, b, c, d = values[i], values[i + one], values[i + size], values[i + size + one]
                upper, lower = a + (b - a) * weights[x], c + (d - c) * weights[x]
                out[to + x] = upper + (lower - upper) * weights[size + x]
