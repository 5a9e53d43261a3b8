"""The ground of a fractal: a folding system, which fills the frame.

From each point of the picture, one to three maps run in turn, 5 to 11 steps. Each is a fold, such as a mirror or an
inversion, and then an affine map that enlarges. Two fields tell the way of a point: how near it came to the origin
together with how far from it it was on average, and how near it came to an axis. Each field is looked up in a palette;
the two colours are averaged. The levels of a field are spread evenly over its palette, as they are in a small trial, so
that the motif and its colours are the same at every side of the picture.
"""

from typing import NamedTuple

import numpy as np

from robustbench_cls.core.arrays import Float32Array, Int64Array, UInt8Array, UInt8Image, UInt64Array
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.scratch import scratch
from robustbench_cls.recipes.fractal_draws import PALETTE, Draws, scaled

FOLDS = ((1.2, 2.2), (1.2, 2.2), (1.2, 2.2), (0.9, 1.6), (0.9, 1.6), (0.9, 1.6))
"""By how much the affine map after each fold may enlarge; `_fold` tells the folds."""

TABLE = 2048
"""Levels of a field that are told apart."""

TURNS = 3
"""How often a field may run through its palette."""

SHARES = 16
"""The weights of both colours are whole numbers with this sum."""

TRIAL = 48
"""Side of a trial in px."""

SAMPLES = 2
"""Samples along each side of a pixel."""

SQUARE = 8
"""Side in px of the squares by which a trial is judged."""

LEAST_STEP, GREATEST_STEP, LEAST_SQUARE_STEP = 10, 34, 7
"""Levels between neighbours in a trial, on average, and between its squares: below them it is smooth, or noise."""

FIRST, SECOND = 5, 6
"""Rows of the working memory that hold the fields."""

GREEN, BLUE = 21, 42
"""Bits at which green and blue begin in a number that holds a colour."""


class System(NamedTuple):
    """A folding system."""

    view_A: Float32Array
    """From the picture, -1 to 1, to the plane."""
    folds_K: Int64Array
    maps_KA: Float32Array
    steps: int
    nearness: float
    """Of the distance to the origin in the first field, against the mean."""
    decay: float
    """Weight of a step in the mean, against the step before."""


class Colours(NamedTuple):
    """The colours of a system's fields."""

    middles_2: Float32Array
    """Levels in the middle of the tables."""
    tables_2T: UInt64Array
    """Colours times their weights; those of both fields are added."""


class Ground(NamedTuple):
    """A folding system with its colours."""

    system: System
    colours: Colours

    @classmethod
    def draw(cls, draws: Draws) -> "Ground":
        """Draw a ground, good or not."""
        system = _draw_system(draws)
        counts_2T, middles_2 = np.zeros((2, TABLE), np.int64), np.empty(2, np.float32)
        _survey(system, scratch("fractal_rows", (7, TRIAL), np.float32), middles_2, counts_2T)
        share = 4 + draws.below(10)
        tables_2T = np.empty((2, TABLE), np.uint64)
        for counts_T, weight, table_T in zip(counts_2T, (share, SHARES - share), tables_2T, strict=True):
            _tabulate(counts_T, draws.palette(), 1 + draws.below(TURNS), weight, table_T)
        return cls(system, Colours(middles_2, tables_2T))

    def paint(self, side: int) -> UInt8Image:
        """The picture, `side` x `side` px."""
        sums_HW = scratch("fractal_sums", (side, side), np.uint64)
        rows_7W = scratch("fractal_rows", (7, side * SAMPLES), np.float32)
        picture_HW3 = np.empty((side, side, 3), np.uint8)
        _paint(self.system, self.colours, rows_7W, sums_HW, picture_HW3)
        return picture_HW3

    def has_structure(self) -> bool:
        """Whether it is neither smooth nor noise, judged by a trial."""
        step, square_step = _measure(self.paint(TRIAL))
        return LEAST_STEP <= step <= GREATEST_STEP and square_step >= LEAST_SQUARE_STEP


def _draw_system(draws: Draws) -> System:
    folds = [draws.below(len(FOLDS)) for _ in range(1 + draws.below(3))]
    maps = [draws.affine(scaled(draws.rotation(), draws.between(*FOLDS[fold]))) for fold in folds]
    view = draws.affine(scaled(draws.rotation(), draws.between(0.6, 2)))
    return System(
        view_A=np.array(view, np.float32),
        folds_K=np.array(folds, np.int64),
        maps_KA=np.array(maps, np.float32),
        steps=5 + draws.below(7),
        nearness=draws.between(0.5, 10),
        decay=draws.between(0.6, 1),
    )


@kernel
def _survey(system: System, rows_7W: Float32Array, middles_2: Float32Array, counts_2T: Int64Array) -> None:
    """Write the middle of each field's levels, and count the levels."""
    side = rows_7W.shape[1]
    for field in range(2):
        total = 0.0
        for row in range(side):
            _run(system, row, rows_7W)
            for x in range(side):
                level = np.float64(rows_7W[FIRST + field, x])
                total += level / (1 + level)
        mean = min(max(total / side**2, 1e-4), 0.9999)
        middles_2[field] = mean / (1 - mean)
        for row in range(side):
            _run(system, row, rows_7W)
            for x in range(side):
                counts_2T[field, _entry(rows_7W[FIRST + field, x], middles_2[field])] += 1


@kernel
def _tabulate(counts_T: Int64Array, palette_P3: UInt8Array, turns: int, weight: int, table_T: UInt64Array) -> None:
    """Write the colours of a field's levels, so that each colour of the palette is used as often."""
    total, below = counts_T.sum(), 0
    for i in range(counts_T.size):
        place = (2 * below + counts_T[i]) * turns * PALETTE // (2 * total) % PALETTE
        below += counts_T[i]
        red, green, blue = palette_P3[place]
        colour = np.uint64(red) | np.uint64(green) << np.uint64(GREEN) | np.uint64(blue) << np.uint64(BLUE)
        table_T[i] = np.uint64(weight) * colour


@kernel
def _paint(
    system: System, colours: Colours, rows_7W: Float32Array, sums_HW: UInt64Array, picture_HW3: UInt8Image
) -> None:
    height, width = sums_HW.shape
    table_N, first, second = colours.tables_2T.reshape(-1), colours.middles_2[0], colours.middles_2[1]
    first_W, second_W = rows_7W[FIRST], rows_7W[SECOND]
    sums_HW[:] = np.uint64(0)
    for row in range(height * SAMPLES):
        _run(system, row, rows_7W)
        sums_W = sums_HW[row // SAMPLES]
        for x in range(width):
            for place in range(x * SAMPLES, (x + 1) * SAMPLES):
                sums_W[x] += table_N[_entry(first_W[place], first)]
                sums_W[x] += table_N[TABLE + _entry(second_W[place], second)]
    parts, mask = np.uint64(SHARES * SAMPLES**2), np.uint64((1 << GREEN) - 1)
    for y in range(height):
        for x in range(width):
            for channel in range(3):
                total = sums_HW[y, x] >> np.uint64(GREEN * channel) & mask
                picture_HW3[y, x, channel] = np.uint8(total // parts)


@kernel
def _entry(level: np.float32, middle: np.float32) -> np.int32:
    """The entry of a table for a level; those below the middle have half of the entries."""
    return min(np.int32(level / (level + middle) * np.float32(TABLE)), np.int32(TABLE - 1))


@kernel
def _run(system: System, row: int, rows_7W: Float32Array) -> None:
    """Write the fields of a row of samples."""
    a_W, b_W, near_W, axis_W, mean_W = rows_7W[0], rows_7W[1], rows_7W[2], rows_7W[3], rows_7W[4]
    width, view_A = np.uint64(a_W.size), system.view_A
    one, half, far = np.float32(1), np.float32(0.5), np.float32(1e9)
    pitch = np.float32(2) / np.float32(a_W.size)
    v = (np.float32(row) + half) * pitch - one
    for x in range(width):
        u = (np.float32(np.int32(x)) + half) * pitch - one
        a_W[x] = view_A[0] * u + view_A[1] * v + view_A[2]
        b_W[x] = view_A[3] * u + view_A[4] * v + view_A[5]
        near_W[x], axis_W[x], mean_W[x] = far, far, np.float32(0)
    weight = one
    for step in range(system.steps):
        k = step % system.folds_K.size
        _fold(system.folds_K[k], a_W, b_W)
        _step(system.maps_KA[k], weight, a_W, b_W, near_W, axis_W, mean_W)
        weight *= np.float32(system.decay)
    first_W, second_W, nearness = rows_7W[FIRST], rows_7W[SECOND], np.float32(system.nearness)
    for x in range(width):
        first_W[x] = np.sqrt(near_W[x]) * nearness + mean_W[x]
        second_W[x] = axis_W[x]


@kernel
def _step(
    map_A: Float32Array,
    weight: np.float32,
    a_W: Float32Array,
    b_W: Float32Array,
    near_W: Float32Array,
    axis_W: Float32Array,
    mean_W: Float32Array,
) -> None:
    """Move the points by an affine map, and take down where they are."""
    p, q, r, s, t, u = map_A[0], map_A[1], map_A[2], map_A[3], map_A[4], map_A[5]
    one = np.float32(1)
    for x in range(np.uint64(a_W.size)):
        a = p * a_W[x] + q * b_W[x] + r
        b = s * a_W[x] + t * b_W[x] + u
        square = a * a + b * b
        a_W[x], b_W[x] = a, b
        near_W[x] = min(near_W[x], square)
        axis_W[x] = min(axis_W[x], abs(a))
        mean_W[x] += weight * (square / (one + square))


@kernel
def _fold(kind: int, a_W: Float32Array, b_W: Float32Array) -> None:
    """Move the points by a fold."""
    one, width = np.float32(1), np.uint64(a_W.size)
    if kind == 0:  # mirrors at both axes
        for x in range(width):
            a_W[x], b_W[x] = abs(a_W[x]), abs(b_W[x])
    elif kind == 1:  # mirrors at an axis and a diagonal
        for x in range(width):
            a, b = abs(a_W[x]), b_W[x]
            a_W[x], b_W[x] = max(a, b), min(a, b)
    elif kind == 2:  # mirrors at the sides of a square
        for x in range(width):
            a, b = a_W[x], b_W[x]
            a_W[x] = abs(a + one) - abs(a - one) - a
            b_W[x] = abs(b + one) - abs(b - one) - b
    elif kind == 3:  # inversion between two circles
        for x in range(width):
            a, b = a_W[x], b_W[x]
            scale = one / min(max(a * a + b * b, np.float32(0.25)), one)
            a_W[x], b_W[x] = a * scale, b * scale
    elif kind == 4:  # inversion and mirrors
        for x in range(width):
            a, b = a_W[x], b_W[x]
            scale = one / (a * a + b * b + np.float32(0.05))
            a_W[x], b_W[x] = abs(a) * scale, abs(b) * scale
    else:  # the square of a complex number, and far points drawn in
        for x in range(width):
            a, b = a_W[x] * a_W[x] - b_W[x] * b_W[x], np.float32(2) * a_W[x] * b_W[x]
            scale = one / (one + np.float32(0.3) * (a * a + b * b))
            a_W[x], b_W[x] = a * scale, b * scale


@kernel
def _measure(picture_HW3: UInt8Image) -> tuple[float, float]:
    """The mean step between neighbours, and between neighbouring squares."""
    side, squares = picture_HW3.shape[0], picture_HW3.shape[0] // SQUARE
    sums_SS3 = np.zeros((squares, squares, 3), np.int64)
    steps, square_steps = 0, 0
    for y in range(side):
        for x in range(side):
            for channel in range(3):
                value = np.int64(picture_HW3[y, x, channel])
                sums_SS3[y // SQUARE, x // SQUARE, channel] += value
                if x and y:
                    steps += abs(value - picture_HW3[y, x - 1, channel]) + abs(value - picture_HW3[y - 1, x, channel])
    for y in range(1, squares):
        for x in range(1, squares):
            for channel in range(3):
                value = sums_SS3[y, x, channel]
                square_steps += abs(value - sums_SS3[y, x - 1, channel]) + abs(value - sums_SS3[y - 1, x, channel])
    return steps / (6 * (side - 1) ** 2), square_steps / (6 * (squares - 1) ** 2 * SQUARE**2)
