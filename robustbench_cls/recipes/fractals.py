"""Fractals, the pictures that PixMix mixes images with: colourful, full of structure at every scale, and never stored.

A picture has a ground and attractors upon it. Both are iterated function systems. Picture `number` is a pure function
of its number and its side: the same bytes on every machine, and the same motif at every side.

The ground iterates one to three maps of the plane, each a fold (a mirror or an inversion, say) and then an affine map,
from every point of the picture. How near to the origin and to an axis a point comes on its way, and how far away it
is on average, are looked up in two palettes. So it fills the frame. A ground that is too smooth or too noisy is drawn
anew: `RANGES` says what must be found at two scales of a small trial.

An attractor is the set that two to six contracting affine maps leave as it is. Random points run through the maps,
and each place is the more opaque the more often they come by; its colour tells by which maps they came. Singular values
of the maps are drawn with the sum that gives good shapes, and a map is chosen in proportion to its determinant.

Numbers are added, multiplied, divided and compared; square roots are taken; nothing else is computed. All of these
are exact to the last bit everywhere. A rotation is therefore drawn by the tangent of half its angle.

Source: Anderson and Farrell 2022, arXiv:2110.03091, section 3, for attractors, their colours and the grounds under
them; Kataoka et al. 2020, arXiv:2101.08515.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from robustbench_cls.core.arrays import Float32Array, Float64Array, Int32Array, Int64Array, UInt8Array, UInt8Image
from robustbench_cls.core.arrays import UInt64Array as UInt64Array
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.keys import Key
from robustbench_cls.core.scratch import scratch

TABLE = 2048
"""Levels of a field of the ground, and entries of its palettes."""

PALETTE = 256
"""Colours of a palette."""

TURNS = 3
"""How often a field may pass through its palette."""

TRIAL = 48
"""Side in px of the trial of a ground."""

TRIES = 40
"""Grounds drawn for a picture at most; the last one is taken."""

FINE, FINEST, COARSE = 10, 34, 6
"""Of a trial: the least and greatest mean step between neighbours, and the least between squares of `SQUARE` px."""

SQUARE = 8

LANES = 32
"""Points of an attractor that run side by side, so that none waits for the one before."""

POINTS = 5
"""Of an attractor, for each pixel of the picture."""

WARM_UP = 3
"""Times 8 steps until a point is on the attractor."""

LARGEST = 0.95
"""Singular value of a contracting map."""

Matrix: TypeAlias = tuple[float, float, float, float]


class Ground(NamedTuple):
    """A folding system, and how it is coloured."""

    view_A: Float32Array
    """From the picture, -1..1, to the plane: x a + y b + c, x d + y e + f."""
    folds_K: Int64Array
    maps_KA: Float32Array
    rounds: int
    weights_2: Float32Array
    """Of nearness to the origin against the mean distance, and of a distance against the one before."""


class Colours(NamedTuple):
    """The colours of a ground by its two fields."""

    middles_2: Float32Array
    """The level of each field that has the middle entry of its table."""
    tables_2T: UInt64Array
    """Colours to be added: red in the lowest bits, green from bit 21 on, blue from bit 42."""


class Attractor(NamedTuple):
    """A contracting system, and how it is coloured."""

    maps_KA: Float64Array
    choices_256: UInt8Array
    """Maps in proportion to how often they are chosen."""
    tints_K: Int64Array
    view_A: Float64Array
    """From the plane to the picture, 0..1."""
    seed: int
    veil: int
    """How soon places become opaque: 64 for half opaque at the mean number of points."""
    palette_T3: UInt8Array


class Draws:
    """Random draws of a key."""

    def __init__(self, key: Key) -> None:
        self.fraction: Callable[[], float] = key.generator().random

    def between(self, low: float, high: float) -> float:
        """A number."""
        return low + (high - low) * self.fraction()

    def below(self, count: int) -> int:
        """A whole number from 0 on."""
        return int(count * self.fraction())

    def rotation(self) -> Matrix:
        """A rotation; angles near multiples of 90 degrees are up to two times rarer than others."""
        tangent = self.between(-1, 1)
        square = tangent * tangent
        cosine, sine = (1 - square) / (1 + square), 2 * tangent / (1 + square)
        for _ in range(self.below(4)):
            cosine, sine = -sine, cosine
        return cosine, -sine, sine, cosine


def fractal(number: int, side: int) -> UInt8Image:
    """Picture `number`, of `side` x `side` px."""
    for attempt in range(TRIES):
        draws = Draws(Key.of("fractal", number, attempt))
        ground = draw_ground(draws)
        colours = draw_colours(draws, ground)
        if attempt == TRIES - 1 or has_structure(paint_ground(ground, colours, TRIAL)):
            break
    picture_HW3 = paint_ground(ground, colours, side)
    for _ in range(1 + draws.below(3)):
        paint_attractor(draw_attractor(draws), picture_HW3)
    return picture_HW3


def draw_ground(draws: Draws) -> Ground:
    """A folding system."""
    count = 1 + draws.below(3)
    folds = [draws.below(len(FOLDS)) for _ in range(count)]
    maps = [_affine(_scaled(draws.rotation(), draws.between(*FOLDS[fold])), draws) for fold in folds]
    view = _affine(_scaled(draws.rotation(), draws.between(0.6, 2)), draws)
    rounds = 5 + draws.below(7)
    weights = draws.between(0.5, 10), draws.between(0.6, 1)
    return Ground(
        np.array(view, np.float32),
        np.array(folds, np.int64),
        np.array(maps, np.float32),
        rounds,
        np.array(weights, np.float32),
    )


FOLDS = ((1.2, 2.2), (1.2, 2.2), (1.2, 2.2), (0.9, 1.6), (0.9, 1.6), (0.9, 1.6))
"""The range of the scale of the affine map after each fold; see `_fold`."""


def _scaled(matrix: Matrix, scale: float) -> Matrix:
    a, b, c, d = matrix
    return a * scale, b * scale, c * scale, d * scale


def _product(left: Matrix, right: Matrix) -> Matrix:
    a, b, c, d = left
    e, f, g, h = right
    return a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h


def _affine(matrix: Matrix, draws: Draws) -> tuple[float, ...]:
    a, b, c, d = matrix
    return a, b, draws.between(-1, 1), c, d, draws.between(-1, 1)


def draw_palette(draws: Draws) -> UInt8Array:
    """Colours in a circle: 4 to 8 drawn ones, and those between them."""
    stops = 4 + draws.below(5)
    hue, spread = draws.fraction(), draws.between(0.3, 1)
    colours = [
        _colour(hue + spread * draws.fraction(), draws.between(0.3, 1), 1 - 0.95 * draws.fraction() ** 2)
        for _ in range(stops)
    ]
    palette_P3 = np.empty((PALETTE, 3), np.uint8)
    _shade(np.array([*colours, colours[0]]), palette_P3)
    return palette_P3


def _colour(hue: float, saturation: float, value: float) -> tuple[float, ...]:
    turn = hue % 1 * 6
    parts = abs(turn - 3) - 1, 2 - abs(turn - 2), 2 - abs(turn - 4)
    return tuple(value * (1 - saturation * (1 - min(max(part, 0.0), 1.0))) for part in parts)


def draw_colours(draws: Draws, ground: Ground) -> Colours:
    """Colours such that each of the palettes is used evenly."""
    counts_2T, middles_2 = np.zeros((2, TABLE), np.int64), np.empty(2, np.float32)
    _survey(*ground, scratch("fractal_rows", (7, TRIAL), np.float32), middles_2, counts_2T)
    share = 4 + draws.below(10)
    tables_2T = np.empty((2, TABLE), np.uint64)
    for counts_T, weight, table_T in zip(counts_2T, (share, 16 - share), tables_2T, strict=True):
        _tabulate(counts_T, draw_palette(draws), 1 + draws.below(TURNS), weight, table_T)
    return Colours(middles_2, tables_2T)


def paint_ground(ground: Ground, colours: Colours, side: int) -> UInt8Image:
    """The picture of a folding system."""
    samples = 2 if side >= 128 or side == TRIAL else 4
    sums_HW = scratch("fractal_sums", (side, side), np.uint64)
    rows_7W = scratch("fractal_rows", (7, side * samples), np.float32)
    picture_HW3 = np.empty((side, side, 3), np.uint8)
    _paint_ground(*ground, samples, *colours, rows_7W, sums_HW, picture_HW3)
    return picture_HW3


def has_structure(picture_HW3: UInt8Image) -> bool:
    """Whether a trial is neither smooth nor noise."""
    fine, coarse = _steps(picture_HW3)
    return FINE <= fine <= FINEST and coarse >= COARSE


@kernel
def _steps(picture_HW3: UInt8Image) -> tuple[float, float]:
    """The mean step between neighbours, and between neighbouring squares."""
    side, squares = picture_HW3.shape[0], picture_HW3.shape[0] // SQUARE
    sums_SS3 = np.zeros((squares, squares, 3), np.int64)
    fine, coarse = 0, 0
    for y in range(side):
        for x in range(side):
            for c in range(3):
                value = np.int64(picture_HW3[y, x, c])
                sums_SS3[y // SQUARE, x // SQUARE, c] += value
                if x and y:
                    fine += abs(value - picture_HW3[y, x - 1, c]) + abs(value - picture_HW3[y - 1, x, c])
    for y in range(1, squares):
        for x in range(1, squares):
            for c in range(3):
                value = sums_SS3[y, x, c]
                coarse += abs(value - sums_SS3[y, x - 1, c]) + abs(value - sums_SS3[y - 1, x, c])
    return fine / (6 * (side - 1) ** 2), coarse / (6 * (squares - 1) ** 2 * SQUARE**2)


@kernel
def _shade(colours_S3: Float64Array, palette_P3: UInt8Array) -> None:
    stops = colours_S3.shape[0] - 1
    for i in range(PALETTE):
        stop, share = i * stops // PALETTE, (i * stops % PALETTE) / PALETTE
        for c in range(3):
            level = colours_S3[stop, c] * (1 - share) + colours_S3[stop + 1, c] * share
            palette_P3[i, c] = np.uint8(level * 255 + 0.5)


@kernel
def _tabulate(counts_T: Int64Array, palette_P3: UInt8Array, turns: int, weight: int, table_T: UInt64Array) -> None:
    """Write weighted colours, one after another in a number; the palette is passed through `turns` times."""
    total, below = 0, 0
    for i in range(TABLE):
        total += counts_T[i]
    for i in range(TABLE):
        place = (2 * below + counts_T[i]) * turns * PALETTE // (2 * total) % PALETTE
        below += counts_T[i]
        red, green, blue = palette_P3[place, 0], palette_P3[place, 1], palette_P3[place, 2]
        table_T[i] = np.uint64(weight) * (np.uint64(red) | np.uint64(green) << np.uint64(21) | np.uint64(blue) << np.uint64(42))


@kernel
def _fold(kind: int, across_W: Float32Array, down_W: Float32Array) -> None:
    one, two, zero = np.float32(1), np.float32(2), np.float32(0)
    width = np.uint64(across_W.size)
    if kind == 0:
        for x in range(width):
            across_W[x] = abs(across_W[x])
            down_W[x] = abs(down_W[x])
    elif kind == 1:
        for x in range(width):
            a, b = abs(across_W[x]), down_W[x]
            across_W[x] = max(a, b)
            down_W[x] = min(a, b)
    elif kind == 2:
        for x in range(width):
            a, b = across_W[x], down_W[x]
            across_W[x] = abs(a + one) - abs(a - one) - a
            down_W[x] = abs(b + one) - abs(b - one) - b
    elif kind == 3:
        for x in range(width):
            a, b = across_W[x], down_W[x]
            scale = one / min(max(a * a + b * b, np.float32(0.25)), one)
            across_W[x] = a * scale
            down_W[x] = b * scale
    elif kind == 4:
        for x in range(width):
            a, b = across_W[x], down_W[x]
            scale = one / (a * a + b * b + np.float32(0.05))
            across_W[x] = abs(a) * scale
            down_W[x] = abs(b) * scale
    else:
        for x in range(width):
            a, b = across_W[x], down_W[x]
            p, q = a * a - b * b, two * a * b
            scale = one / (one + np.float32(0.3) * (p * p + q * q))
            across_W[x] = p * scale
            down_W[x] = q * scale


@kernel
def _levels(
    view_A: Float32Array,
    folds_K: Int64Array,
    maps_KA: Float32Array,
    rounds: int,
    weights_2: Float32Array,
    row: int,
    rows_7W: Float32Array,
) -> None:
    """Write the levels of a row's two fields, 0 to 1."""
    a_W, b_W, near_W, axis_W, sum_W = rows_7W[0], rows_7W[1], rows_7W[2], rows_7W[3], rows_7W[4]
    width = np.uint64(a_W.size)
    one, two, half = np.float32(1), np.float32(2), np.float32(0.5)
    step = two / np.float32(a_W.size)
    v = (np.float32(row) + half) * step - one
    for x in range(width):
        u = (np.float32(np.int32(x)) + half) * step - one
        a_W[x] = view_A[0] * u + view_A[1] * v + view_A[2]
        b_W[x] = view_A[3] * u + view_A[4] * v + view_A[5]
        near_W[x] = np.float32(1e9)
        axis_W[x] = np.float32(1e9)
        sum_W[x] = np.float32(0)
    weight = one
    for i in range(rounds):
        k = i % folds_K.size
        _fold(folds_K[k], a_W, b_W)
        _step_on(maps_KA[k], weight, a_W, b_W, near_W, axis_W, sum_W)
        weight *= weights_2[1]
    first_W, second_W = rows_7W[5], rows_7W[6]
    for x in range(width):
        first_W[x] = np.sqrt(near_W[x]) * weights_2[0] + sum_W[x]
        second_W[x] = axis_W[x]


@kernel
def _step_on(
    map_A: Float32Array,
    weight: np.float32,
    a_W: Float32Array,
    b_W: Float32Array,
    near_W: Float32Array,
    axis_W: Float32Array,
    sum_W: Float32Array,
) -> None:
    p, q, r, s, t, u = map_A[0], map_A[1], map_A[2], map_A[3], map_A[4], map_A[5]
    one = np.float32(1)
    for x in range(np.uint64(a_W.size)):
        a = p * a_W[x] + q * b_W[x] + r
        b = s * a_W[x] + t * b_W[x] + u
        square = a * a + b * b
        a_W[x] = a
        b_W[x] = b
        near_W[x] = min(near_W[x], square)
        axis_W[x] = min(axis_W[x], abs(a))
        sum_W[x] += weight * (square / (one + square))


@kernel
def _survey(
    view_A: Float32Array,
    folds_K: Int64Array,
    maps_KA: Float32Array,
    rounds: int,
    weights_2: Float32Array,
    rows_7W: Float32Array,
    middles_2: Float32Array,
    counts_2T: Int64Array,
) -> None:
    """Find the middle of each field, and count its levels."""
    side = rows_7W.shape[1]
    totals_2 = np.zeros(2)
    for row in range(side):
        _levels(view_A, folds_K, maps_KA, rounds, weights_2, row, rows_7W)
        for field in range(2):
            for x in range(side):
                level = np.float64(rows_7W[5 + field, x])
                totals_2[field] += level / (1 + level)
    for field in range(2):
        mean = min(max(totals_2[field] / side**2, 1e-4), 0.9999)
        middles_2[field] = mean / (1 - mean)
    for row in range(side):
        _levels(view_A, folds_K, maps_KA, rounds, weights_2, row, rows_7W)
        for field in range(2):
            for x in range(side):
                counts_2T[field, _place(rows_7W[5 + field, x], middles_2[field])] += 1


@kernel
def _place(level: np.float32, middle: np.float32) -> np.int32:
    """The entry of a table that a level has; half of the entries are for levels below the middle."""
    return min(np.int32(level / (level + middle) * np.float32(TABLE)), np.int32(TABLE - 1))


@kernel
def _paint_ground(
    view_A: Float32Array,
    folds_K: Int64Array,
    maps_KA: Float32Array,
    rounds: int,
    weights_2: Float32Array,
    samples: int,
    middles_2: Float32Array,
    tables_2T: UInt64Array,
    rows_7W: Float32Array,
    sums_HW: UInt64Array,
    picture_HW3: UInt8Image,
) -> None:
    height, width = sums_HW.shape
    table_N, first, second = tables_2T.reshape(-1), middles_2[0], middles_2[1]
    first_W, second_W = rows_7W[5], rows_7W[6]
    sums_HW[:] = np.uint64(0)
    for row in range(height * samples):
        _levels(view_A, folds_K, maps_KA, rounds, weights_2, row, rows_7W)
        sums_W = sums_HW[row // samples]
        for x in range(width):
            total = np.uint64(0)
            for place in range(x * samples, (x + 1) * samples):
                total += table_N[_place(first_W[place], first)]
                total += table_N[TABLE + _place(second_W[place], second)]
            sums_W[x] += total
    parts, mask = np.uint64(16 * samples * samples), np.uint64((1 << 21) - 1)
    for y in range(height):
        for x in range(width):
            total = sums_HW[y, x]
            picture_HW3[y, x, 0] = np.uint8((total & mask) // parts)
            picture_HW3[y, x, 1] = np.uint8((total >> np.uint64(21) & mask) // parts)
            picture_HW3[y, x, 2] = np.uint8((total >> np.uint64(42)) // parts)


def draw_attractor(draws: Draws) -> Attractor:
    """A contracting system, placed so that it fills most of the picture."""
    count = 2 + draws.below(5)
    maps, areas = [], []
    for larger, smaller in _singular_values(draws, count):
        signs = [(-1.0, 1.0)[draws.below(2)] for _ in range(2)]
        stretched = _product(draws.rotation(), (larger * signs[0], 0.0, 0.0, smaller * signs[1]))
        maps.append(_affine(_product(stretched, draws.rotation()), draws))
        areas.append(max(larger * smaller, 0.02))
    maps_KA, choices_256 = np.array(maps), _choices(areas)
    tints_K = np.array([draws.below(256) for _ in range(count)])
    seed = int(draws.fraction() * 2**53)
    view_A = _view(draws, maps_KA, choices_256, seed)
    return Attractor(
        maps_KA, choices_256, tints_K, view_A, seed, 6 + draws.below(32), draw_palette(draws)
    )


def _singular_values(draws: Draws, count: int) -> list[tuple[float, float]]:
    """Pairs, whose larger values and twice the smaller ones have a sum of (5 + count) / 2 to (6 + count) / 2."""
    drawn = [(draws.fraction(), draws.fraction()) for _ in range(count)]
    pairs = [(max(pair) * LARGEST, min(pair) * LARGEST) for pair in drawn]
    wanted, total, most = (5 + count + draws.fraction()) / 2, 0.0, 3 * LARGEST * count
    for larger, smaller in pairs:
        total += larger + 2 * smaller
    if total >= wanted:
        return [(larger * (wanted / total), smaller * (wanted / total)) for larger, smaller in pairs]
    rest = (most - wanted) / (most - total)
    return [(LARGEST - (LARGEST - larger) * rest, LARGEST - (LARGEST - smaller) * rest) for larger, smaller in pairs]


def _choices(areas: list[float]) -> UInt8Array:
    total = 0.0
    for area in areas:
        total += area
    choices = [k for k, area in enumerate(areas) for _ in range(1 + int(area / total * 255))][:256]
    return np.array(choices + [len(areas) - 1] * (256 - len(choices)), np.uint8)


def _view(draws: Draws, maps_KA: Float64Array, choices_256: UInt8Array, seed: int) -> Float64Array:
    points_N2 = np.empty((512, 2))
    _visit(maps_KA, choices_256, np.uint64(seed), points_N2)
    points_N2.sort(axis=0)
    low, high = points_N2[10].tolist(), points_N2[-11].tolist()
    side = max(high[0] - low[0], high[1] - low[1], 1e-6)
    a, b, c, d = _scaled(draws.rotation(), draws.between(0.7, 1.3) / side)
    x, y = (low[0] + high[0]) / 2, (low[1] + high[1]) / 2
    right, down = draws.between(0.3, 0.7), draws.between(0.3, 0.7)
    return np.array([a, b, right - (a * x + b * y), c, d, down - (c * x + d * y)])


def paint_attractor(attractor: Attractor, picture_HW3: UInt8Image) -> None:
    """Paint the attractor of a contracting system upon a picture."""
    maps_KA, choices_256, tints_K, view_A, seed, veil, palette_T3 = attractor
    side = picture_HW3.shape[0]
    visits_P = scratch("fractal_visits", (side * side + 1,), np.uint64)
    _run(maps_KA, choices_256, tints_K, view_A, np.uint64(seed), side, visits_P)
    _veil(visits_P[:-1].reshape(side, side), veil, palette_T3, picture_HW3)


@kernel
def _mix(state: np.uint64) -> np.uint64:
    word = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@kernel
def _visit(maps_KA: Float64Array, choices_256: UInt8Array, state: np.uint64, points_N2: Float64Array) -> None:
    x, y = 0.0, 0.0
    for i in range(-8 * WARM_UP, points_N2.shape[0]):
        state += np.uint64(0x9E3779B97F4A7C15)
        k = choices_256[_mix(state) & np.uint64(255)]
        x, y = maps_KA[k, 0] * x + maps_KA[k, 1] * y + maps_KA[k, 2], maps_KA[k, 3] * x + maps_KA[k, 4] * y + maps_KA[k, 5]
        if i >= 0:
            points_N2[i, 0] = x
            points_N2[i, 1] = y


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
    maps, six, byte = maps_KA.reshape(-1), np.uint64(6), np.uint64(255)
    words_L, tint_L = np.zeros(LANES, np.uint64), np.zeros(LANES, np.int64)
    x_L, y_L = np.zeros(LANES), np.zeros(LANES)
    a, b, c = view_A[0] * side, view_A[1] * side, view_A[2] * side + 1
    d, e, f = view_A[3] * side, view_A[4] * side, view_A[5] * side + 1
    width, one = np.uint64(side), np.uint64(1)
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
                m = six * k
                x = maps[m] * x_L[lane] + maps[m + one] * y_L[lane] + maps[m + np.uint64(2)]
                y = maps[m + np.uint64(3)] * x_L[lane] + maps[m + np.uint64(4)] * y_L[lane] + maps[m + np.uint64(5)]
                tint = (tint_L[lane] + tints_K[k]) >> 1
                x_L[lane], y_L[lane], tint_L[lane] = x, y, tint
                # 1 was added before, so that numbers between -1 and 0 are not rounded up to the first pixel
                u, v = np.uint64(np.int64(a * x + b * y + c)) - one, np.uint64(np.int64(d * x + e * y + f)) - one
                inside = (u < width) & (v < width) & shown
                visits_P[v * width + u if inside else width * width] += np.uint64(1 << 32) + np.uint64(tint)


@kernel
def _veil(visits_HW: UInt64Array, veil: int, palette_T3: UInt8Array, picture_HW3: UInt8Image) -> None:
    total, places = 0, 0
    height, width = visits_HW.shape
    for y in range(height):
        for x in range(width):
            count = np.int64(visits_HW[y, x] >> np.uint64(32))
            total += count
            places += count > 0
    mean = total * veil // (64 * max(places, 1)) + 1
    for y in range(height):
        for x in range(width):
            count = np.int64(visits_HW[y, x] >> np.uint64(32))
            if count:
                tint = np.int64(visits_HW[y, x] & np.uint64(0xFFFFFFFF)) // count
                opaque = 256 * count // (count + mean)
                for channel in range(3):
                    below, above = np.int64(picture_HW3[y, x, channel]), np.int64(palette_T3[tint, channel])
                    picture_HW3[y, x, channel] = np.uint8(below + ((above - below) * opaque >> 8))
