"""Attractors of contracting systems, painted upon a fractal's ground.

A system has two to six affine maps. Their singular values are at most 0.95, and the sum of the larger ones and twice
the smaller ones is (5 + n) / 2 to (6 + n) / 2 for n maps, which gives shapes that are neither dust nor blots. Points
run through maps chosen at random, in proportion to their determinants. A pixel is the more opaque the more often points
come by, and its colour tells by which maps they came.

Source: Anderson and Farrell 2022, arXiv:2110.03091, sections 3.1 to 3.3.
"""

from typing import NamedTuple

import numpy as np

from robustbench_cls.core.arrays import Float64Array, Int64Array, UInt8Array, UInt8Image, UInt64Array
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.scratch import scratch
from robustbench_cls.recipes.fractal_draws import Draws, product, scaled

LARGEST = 0.95
"""Greatest singular value."""

LEAST_AREA = 0.02
"""Determinant for which a map is chosen that has a smaller one."""

POINTS = 5
"""Points drawn for each pixel of the picture."""

LANES = 32
"""Points that run side by side, so that none waits for the one before."""

WARM_UP = 3
"""Times 8 steps until a point has come to the attractor."""

TRIAL, OUTLIERS = 512, 10
"""Points that tell where an attractor lies, and how many at each side are left out."""

OPAQUE = 256


class Attractor(NamedTuple):
    """A contracting system, its place in the picture and its colours."""

    maps_KA: Float64Array
    choices_256: UInt8Array
    """Maps, each as often as it is likely."""
    tints_K: Int64Array
    """Places in the palette to which the maps move a point's own."""
    view_A: Float64Array
    """From the plane to the picture, 0 to 1."""
    seed: int
    veil: int
    """At how many points, in 64ths of their mean, a pixel is half opaque."""
    palette_P3: UInt8Array

    @classmethod
    def draw(cls, draws: Draws) -> "Attractor":
        """Draw an attractor that takes up most of the picture."""
        count = 2 + draws.below(5)
        pairs = _singular_values(draws, count)
        maps_KA = np.array([draws.affine(_contraction(draws, *pair)) for pair in pairs])
        choices_256 = _choices([max(larger * smaller, LEAST_AREA) for larger, smaller in pairs])
        seed = int(draws.fraction() * 2**53)
        points_N2 = np.empty((TRIAL, 2))
        _visit(maps_KA, choices_256, np.uint64(seed), points_N2)
        return cls(
            maps_KA=maps_KA,
            choices_256=choices_256,
            tints_K=np.array([draws.below(256) for _ in range(count)], np.int64),
            view_A=_view(draws, points_N2),
            seed=seed,
            veil=6 + draws.below(32),
            palette_P3=draws.palette(),
        )

    def paint(self, picture_HW3: UInt8Image) -> None:
        """Paint it upon a square picture."""
        side = picture_HW3.shape[0]
        visits_P = scratch("fractal_visits", (side * side + 1,), np.uint64)
        _run(self.maps_KA, self.choices_256, self.tints_K, self.view_A, np.uint64(self.seed), side, visits_P)
        _veil(visits_P, self.veil, self.palette_P3, picture_HW3.reshape(-1, 3))


def _singular_values(draws: Draws, count: int) -> list[tuple[float, float]]:
    """The larger and the smaller one of each map: drawn, and then scaled to, or away from, the greatest."""
    drawn = [(draws.fraction(), draws.fraction()) for _ in range(count)]
    pairs = [(max(pair) * LARGEST, min(pair) * LARGEST) for pair in drawn]
    wanted, total, most = (5 + count + draws.fraction()) / 2, 0.0, 3 * LARGEST * count
    for larger, smaller in pairs:
        total += larger + 2 * smaller
    if total >= wanted:
        return [(larger * (wanted / total), smaller * (wanted / total)) for larger, smaller in pairs]
    rest = (most - wanted) / (most - total)
    return [(LARGEST - (LARGEST - larger) * rest, LARGEST - (LARGEST - smaller) * rest) for larger, smaller in pairs]


def _contraction(draws: Draws, larger: float, smaller: float) -> tuple[float, float, float, float]:
    """A linear map with these singular values; it mirrors or not."""
    signs = [-1.0 if draws.below(2) else 1.0 for _ in range(2)]
    stretch = larger * signs[0], 0.0, 0.0, smaller * signs[1]
    return product(product(draws.rotation(), stretch), draws.rotation())


def _choices(areas: list[float]) -> UInt8Array:
    total = 0.0
    for area in areas:
        total += area
    choices = [k for k, area in enumerate(areas) for _ in range(1 + int(area / total * 255))][:256]
    return np.array(choices + [len(areas) - 1] * (256 - len(choices)), np.uint8)


def _view(draws: Draws, points_N2: Float64Array) -> Float64Array:
    """Turn the attractor, fit its larger side to 0.7 to 1.3 of the picture's, and place it near the middle."""
    points_N2.sort(axis=0)
    left, top = points_N2[OUTLIERS].tolist()
    right, bottom = points_N2[-1 - OUTLIERS].tolist()
    side = max(right - left, bottom - top, 1e-6)
    a, b, d, e = scaled(draws.rotation(), draws.between(0.7, 1.3) / side)
    x, y = (left + right) / 2, (top + bottom) / 2
    u, v = draws.between(0.3, 0.7), draws.between(0.3, 0.7)
    return np.array([a, b, u - (a * x + b * y), d, e, v - (d * x + e * y)])


@kernel
def _mix(state: np.uint64) -> np.uint64:
    """SplitMix64's word of a state."""
    word = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.uint64 = word ^ (word >> np.uint64(31))
    return mixed


@kernel
def _visit(maps_KA: Float64Array, choices_256: UInt8Array, state: np.uint64, points_N2: Float64Array) -> None:
    """Write points of an attractor."""
    x, y = 0.0, 0.0
    for i in range(-8 * WARM_UP, points_N2.shape[0]):
        state += np.uint64(0x9E3779B97F4A7C15)
        a, b, c, d, e, f = maps_KA[choices_256[_mix(state) & np.uint64(255)]]
        x, y = a * x + b * y + c, d * x + e * y + f
        if i >= 0:
            points_N2[i, 0], points_N2[i, 1] = x, y


@kernel
def _run(
    maps_KA: Float64Array,
    choices_256: UInt8Array,
    tints_K: Int64Array,
    view_A: Float64Array,
    state: np.uint64,
    side: int,
    visits_P: UInt64Array,
) -> None:
    """Count the points in each pixel in the upper half of its number, and add up their tints in the lower half.

    The number behind the last pixel gets the points outside: that is faster than a branch.
    """
    maps_N, byte, one, two, three = maps_KA.reshape(-1), np.uint64(255), np.uint64(1), np.uint64(2), np.uint64(3)
    words_L, tint_L = np.zeros(LANES, np.uint64), np.zeros(LANES, np.int64)
    x_L, y_L = np.zeros(LANES), np.zeros(LANES)
    a, b, c = view_A[0] * side, view_A[1] * side, view_A[2] * side + 1
    d, e, f = view_A[3] * side, view_A[4] * side, view_A[5] * side + 1
    width = np.uint64(side)
    visits_P[:] = np.uint64(0)
    for block in range(WARM_UP + side * side * POINTS // LANES // 8):
        for lane in range(LANES):
            state += np.uint64(0x9E3779B97F4A7C15)
            words_L[lane] = _mix(state)
        shown = block >= WARM_UP
        for _ in range(8):
            for lane in range(np.uint64(LANES)):
                k = np.uint64(choices_256[words_L[lane] & byte])
                words_L[lane] >>= np.uint64(8)
                m, n = k * np.uint64(6), k * np.uint64(6) + three
                x = maps_N[m] * x_L[lane] + maps_N[m + one] * y_L[lane] + maps_N[m + two]
                y = maps_N[n] * x_L[lane] + maps_N[n + one] * y_L[lane] + maps_N[n + two]
                tint = (tint_L[lane] + tints_K[k]) >> 1
                x_L[lane], y_L[lane], tint_L[lane] = x, y, tint
                # with the 1 in c and f, numbers between -1 and 0 are not rounded into the picture
                u, v = np.uint64(np.int64(a * x + b * y + c)) - one, np.uint64(np.int64(d * x + e * y + f)) - one
                inside = (u < width) & (v < width) & shown
                visits_P[v * width + u if inside else width * width] += np.uint64(1 << 32) + np.uint64(tint)


@kernel
def _veil(visits_P: UInt64Array, veil: int, palette_P3: UInt8Array, picture_P3: UInt8Array) -> None:
    total, places, low = 0, 0, np.uint64((1 << 32) - 1)
    for i in range(picture_P3.shape[0]):
        count = np.int64(visits_P[i] >> np.uint64(32))
        total += count
        places += count > 0
    half = 1 + total * veil // (64 * max(places, 1))
    for i in range(picture_P3.shape[0]):
        count = np.int64(visits_P[i] >> np.uint64(32))
        if count:
            tint = np.int64(visits_P[i] & low) // count
            opaque = OPAQUE * count // (count + half)
            for channel in range(3):
                below, above = np.int64(picture_P3[i, channel]), np.int64(palette_P3[tint, channel])
                picture_P3[i, channel] = np.uint8(below + (above - below) * opaque // OPAQUE)
