"""PRIME's colours: the levels of each channel go through a random curve, the identity plus sinusoids.

A level x of 0..1 becomes clip(x + sum of c_k sin(pi k x), 0, 1). The frequencies k are whole numbers, `bandwidth` of
them in a row or all up to the highest; the coefficients c_k are normal numbers of variance `temperature`, drawn for
each channel.

All sinusoids of a value come from four: with a middle frequency m, sin((m + j) a) + sin((m - j) a) is
2 sin(m a) cos(j a), and the difference is 2 cos(m a) sin(j a). The sums over j are Clenshaw recurrences of at most
`REACH` steps, short enough for single precision. The phase m a is computed in whole numbers that wrap once a period,
so it is exact at every frequency.

Source: Modas et al. 2022, arXiv:2112.13547, random colour transformations; `utils/color_jitter.py` of
amodas/PRIME-augmentations.
"""

from dataclasses import dataclass

import numpy as np

from robustbench_cls.core.arrays import Float32Array
from robustbench_cls.core.kernel import kernel, mul, shl, sub
from robustbench_cls.core.scratch import scratch

REACH = 10
"""Frequencies on each side of a middle one that are summed together."""

TILE = 1024
"""Values computed together; they stay in the first-level cache."""

LEVELS: Float32Array = np.tile(np.arange(256, dtype=np.float32) / np.float32(255), (3, 1))
"""The 256 levels of each channel, 0..1."""


@dataclass(frozen=True)
class Colours:
    """A curve for each channel.

    Attributes:
        lowest: frequency of the first sinusoid, in half periods from black to white.
        coefficients_3F: of the sinusoids of F frequencies in a row.
    """

    lowest: int
    coefficients_3F: Float32Array

    @classmethod
    def draw(cls, highest: int, bandwidth: int, strength: float) -> "Colours":
        """Draw curves from numpy's global generator.

        Args:
            highest: no frequency is above it. The highest of these curves is uniform in 1..highest.
            bandwidth: frequencies in a row, the lowest drawn; 0 for all from 1 on.
            strength: greatest variance of a coefficient; that of these curves is uniform from 0 on.
        """
        cut = np.random.randint(1, highest + 1)
        variance = strength * np.random.random()
        lowest = np.random.randint(1, cut + 1) if bandwidth else 1
        count = min(bandwidth or cut, cut + 1 - lowest)
        return cls(lowest, (np.random.standard_normal((3, count)) * variance**0.5).astype(np.float32))

    def apply(self, planes_3N: Float32Array, out_3N: Float32Array) -> None:
        """Write the values of the curves at values of 0..1. `out_3N` may be `planes_3N`."""
        middles_M, waves_3MJ = self._waves()
        _bend(planes_3N, middles_M, waves_3MJ, scratch("prime_tile", (TILE,), np.float32), out_3N)

    def _waves(self) -> tuple[Float32Array, Float32Array]:
        """Middle frequencies, and for each the factors of cosines 0..REACH and then of sines 1..REACH."""
        count, width = self.coefficients_3F.shape[1], 2 * REACH + 1
        middles = -(-count // width)
        padded_3F = np.zeros((3, middles * width), np.float32)
        padded_3F[:, :count] = self.coefficients_3F
        sums_3MJ = padded_3F.reshape(3, middles, width)
        below, above = sums_3MJ[..., REACH - 1 :: -1], sums_3MJ[..., REACH + 1 :]
        waves_3MJ = np.concatenate((sums_3MJ[..., REACH : REACH + 1], above + below, above - below), axis=2)
        return np.arange(self.lowest + REACH, self.lowest + REACH + middles * width, width, dtype=np.int32), waves_3MJ


@kernel
def _bend(
    planes_3N: Float32Array,
    middles_M: Float32Array,
    waves_3MJ: Float32Array,
    tile_T: Float32Array,
    out_3N: Float32Array,
) -> None:
    zero, one = np.float32(0), np.float32(1)
    values, size = planes_3N.reshape(-1), np.uint64(planes_3N.shape[1])
    waves, out = waves_3MJ.reshape(-1), out_3N.reshape(-1)
    block = np.uint64(waves_3MJ.shape[2])
    step = np.uint64(tile_T.size)
    for channel in range(np.uint64(3)):
        for first in range(np.uint64(0), size, step):
            start, count = channel * size + first, min(step, size - first)
            for i in range(count):
                tile_T[i] = values[start + i]
            for m in range(np.uint64(middles_M.size)):
                begin = (channel * np.uint64(middles_M.size) + m) * block
                _add_waves(values, start, count, middles_M[m], waves, begin, tile_T)
            for i in range(count):
                out[start + i] = min(max(tile_T[i], zero), one)


@kernel
def _add_waves(
    values: Float32Array,
    start: np.uint64,
    count: np.uint64,
    middle: np.int32,
    waves: Float32Array,
    begin: np.uint64,
    sums_T: Float32Array,
) -> None:
    unit, two, quarter = np.float32(1 << 30), np.float32(2), np.int32(1 << 30)
    sines = begin + np.uint64(REACH)
    for i in range(count):
        place = np.int32(values[start + i] * unit)
        phase = shl(place, 1)
        cosine, sine = _cosine(phase), _cosine(sub(phase, quarter))
        double = two * cosine
        even, even_before = waves[begin + np.uint64(REACH)], np.float32(0)
        odd, odd_before = waves[sines + np.uint64(REACH)], np.float32(0)
        for j in range(1, REACH):
            back = np.uint64(REACH - j)
            even, even_before = waves[begin + back] + double * even - even_before, even
            odd, odd_before = waves[sines + back] + double * odd - odd_before, odd
        even = waves[begin] + cosine * even - even_before
        phase = shl(mul(place, middle), 1)
        sums_T[i] += _cosine(sub(phase, quarter)) * even + _cosine(phase) * sine * odd


@kernel
def _cosine(phase: np.int32) -> np.float32:
    """The cosine of a phase, where 2^32 is a period; the error is at most 2e-7."""
    x = np.float32(0.5) - abs(np.float32(phase)) * np.float32(1 / (1 << 31))
    square = x * x
    # sin(pi x) for -0.5..0.5
    series = np.float32(0.0772201275) * square - np.float32(0.598045173)
    series = series * square + np.float32(2.55003138)
    series = series * square - np.float32(5.16770688)
    series = series * square + np.float32(3.14159258)
    return x * series
