"""PRIME's colours: the levels of each channel go through a random curve, the identity plus sinusoids.

A level x of 0..1 becomes x + sum of c_k sin(pi k x), clipped to 0..1. The frequencies k are whole numbers in a row. The
coefficients c_k are normal numbers of one variance, drawn for each channel. High frequencies give neighbouring levels
very different colours. Black stays black.

How the sums are computed: with a middle frequency m and an angle a = pi x, sin((m + j) a) + sin((m - j) a) is
2 sin(m a) cos(j a), and their difference is 2 cos(m a) sin(j a). So the four sines and cosines of a and m a give all
others, by Clenshaw's recurrence over at most `REACH` steps, which is short enough for single precision. The phase m a
is a whole number that wraps once a period. The sum is within 1e-4 of the exact one.

Source: Modas et al. 2022, arXiv:2112.13547, section on colour transformations; `utils/color_jitter.py` of
amodas/PRIME-augmentations, which draws the frequencies and the variance once for a whole batch.
"""

from dataclasses import dataclass

import numpy as np

from robustbench_cls.core.arrays import Float32Array, Int32Array
from robustbench_cls.core.kernel import kernel, mul, shl, sub
from robustbench_cls.core.scratch import scratch

REACH = 10
"""Frequencies on each side of a middle one that are summed together."""

TILE = 1024
"""Values whose sums are computed together; they stay in the first-level cache."""


@dataclass(frozen=True)
class Colours:
    """A curve for each channel.

    Attributes:
        lowest: the lowest frequency, in half periods from black to white.
        coefficients_3F: of the sinusoids of F frequencies in a row.
    """

    lowest: int
    coefficients_3F: Float32Array

    @classmethod
    def draw(cls, cut: int, bandwidth: int, variance: float) -> "Colours":
        """Draw curves from numpy's global generator.

        Args:
            cut: no frequency is above it. The highest that these curves may have is uniform in 1..cut.
            bandwidth: most frequencies in a row, the lowest uniform in 1..highest; 0 for all of 1..highest.
            variance: greatest variance of a coefficient; that of these curves is uniform from 0 on.
        """
        highest = np.random.randint(1, cut + 1)
        deviation = (variance * np.random.random()) ** 0.5
        lowest = np.random.randint(1, highest + 1) if bandwidth else 1
        count = min(bandwidth or highest, highest + 1 - lowest)
        return cls(lowest, (np.random.standard_normal((3, count)) * deviation).astype(np.float32))

    def apply(self, planes_3HW: Float32Array, out_3HW: Float32Array) -> None:
        """Write the curves' values at values of 0..1, of any shape that begins with 3. Both may be the same array."""
        middles_M, waves_3MJ = self._waves()
        tile_T = scratch("prime_tile", (TILE,), np.float32)
        _bend(planes_3HW.reshape(3, -1), middles_M, waves_3MJ, tile_T, out_3HW.reshape(3, -1))

    def _waves(self) -> tuple[Int32Array, Float32Array]:
        """Middle frequencies, and for each the factors of cosines 0..REACH and then of sines 1..REACH."""
        count, step = self.coefficients_3F.shape[1], 2 * REACH + 1
        middles = -(-count // step)
        padded_3F = np.zeros((3, middles * step), np.float32)
        padded_3F[:, :count] = self.coefficients_3F
        around_3MJ = padded_3F.reshape(3, middles, step)
        below, middle, above = np.split(around_3MJ, (REACH, REACH + 1), axis=2)
        below = below[..., ::-1]
        waves_3MJ = np.concatenate((middle, above + below, above - below), axis=2)
        return np.arange(middles, dtype=np.int32) * np.int32(step) + np.int32(self.lowest + REACH), waves_3MJ


@kernel
def _bend(
    planes_3N: Float32Array,
    middles_M: Int32Array,
    waves_3MJ: Float32Array,
    tile_T: Float32Array,
    out_3N: Float32Array,
) -> None:
    # flat arrays and places in them: a view for each tile takes longer than the loop over it
    values, waves, out = planes_3N.reshape(-1), waves_3MJ.reshape(-1), out_3N.reshape(-1)
    size, step, middles = np.uint64(planes_3N.shape[1]), np.uint64(tile_T.size), np.uint64(middles_M.size)
    zero, one = np.float32(0), np.float32(1)
    for channel in range(np.uint64(3)):
        for first in range(np.uint64(0), size, step):
            start, count = channel * size + first, min(step, size - first)
            for i in range(count):
                tile_T[i] = values[start + i]
            for m in range(middles):
                begin = (channel * middles + m) * np.uint64(waves_3MJ.shape[2])
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
    cosines: np.uint64,
    sums_T: Float32Array,
) -> None:
    unit, two, zero, quarter = np.float32(1 << 30), np.float32(2), np.float32(0), np.int32(1 << 30)
    sines, reach = cosines + np.uint64(REACH), np.uint64(REACH)
    for i in range(count):
        place = np.int32(values[start + i] * unit)
        phase = shl(place, 1)
        cosine, sine = _cosine(phase), _cosine(sub(phase, quarter))
        double = two * cosine
        even, even_before, odd, odd_before = waves[cosines + reach], zero, waves[sines + reach], zero
        for j in range(1, REACH):  # unrolled by the compiler, as REACH is a constant
            even, even_before = waves[cosines + np.uint64(REACH - j)] + double * even - even_before, even
            odd, odd_before = waves[sines + np.uint64(REACH - j)] + double * odd - odd_before, odd
        even = waves[cosines] + cosine * even - even_before
        phase = shl(mul(place, middle), 1)
        sums_T[i] += _cosine(sub(phase, quarter)) * even + _cosine(phase) * sine * odd


@kernel
def _cosine(phase: np.int32) -> np.float32:
    """The cosine of a phase of which 2^32 is a period; the error is at most 3e-7."""
    x = np.float32(0.5) - abs(np.float32(phase)) * np.float32(1 / (1 << 31))
    square = x * x
    # sin(pi x) for -0.5..0.5: the series of which the largest error is least
    series = np.float32(0.0772201275) * square - np.float32(0.598045173)
    series = series * square + np.float32(2.55003138)
    series = series * square - np.float32(5.16770688)
    series = series * square + np.float32(3.14159258)
    cosine: np.float32 = x * series
    return cosine
