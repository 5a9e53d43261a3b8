"""Elastic transform: tilted, then stretched and contracted in small regions.

Moves the corners of a triangle at random and the image with them (an affine map, edges mirrored), then every pixel by
a field of uniform numbers smoothed by a Gaussian (edges mirrored with the edge pixel twice). Both sample linearly;
results are rounded down.

The code that made the published files is for 224 px; its lengths are here proportional to the shorter side, its
displacements too, so that an image and its enlargement look alike. Under its draws, and with its libraries as they are
today, 4 values in 1,000 differ at severity 1, 1 in 10,000 at the others, by one level. Places of its affine map in
steps of 1/32 px, as OpenCV long had them, would move 4 values in 100 by up to 2 levels. At severities 1 and 2 the
affine map moves the image far more than at 3 to 5. The package is another algorithm: no affine map, and other fields.

A wide Gaussian leaves a field so smooth that only places some pixels apart are computed, those between linearly.

Randomness: stream 0, a uniform16 for each pixel in the order 2HW, to the right and then down, as
2 (uniform16 + 0.5) / 65536 - 1. Stream 1, six fractions, x and y of the triangle's corner at the lower right, the
upper right and the upper left, of -1..1; not for the package's algorithm.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `elastic_transform` of hendrycks/robustness. The fields:
Simard, Steinkraus and Platt 2003, doi:10.1109/ICDAR.2003.1227801.
"""

from functools import lru_cache
from math import exp
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.corruption import Corruption, UInt8Image
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions.gaussian import smooth
from robustbench_cls.corruptions.kernel import Float32Array, Int32Array, UInt64Array, kernel
from robustbench_cls.corruptions.streams import fraction, uniforms

HEIGHT = (488.0, 488.0, 12.2, 17.08, 29.28)
"""Factor of the smoothed field in pixels, by severity, at 224 px."""

SIGMA = (170.8, 19.52, 2.44, 2.44, 2.44)
"""Standard deviation in pixels of the Gaussian that smooths the field, by severity, at 224 px."""

TILT = (24.4, 48.8, 4.88, 4.88, 4.88)
"""Largest move in pixels of a corner of the triangle along each axis, by severity, at 224 px."""

PACKAGE_HEIGHT = (12.5, 16.25, 21.25, 25.0, 30.0)
"""The package's factor of the smoothed field by severity, where the field is of ±0.005 of the image's height."""

PACKAGE_SIGMA = 0.01
"""The package's standard deviation, of each side of the image."""

TRUNCATE = 3.0
"""Standard deviations at which the Gaussians end."""

SPARSE = 40.0
"""Standard deviation in pixels of the Gaussian for each pixel between computed places."""

WIDE = 40.0
"""Standard deviation in pixels from which a filter by matrices is the faster one."""

BITS = 21
"""Of a channel in a packed pixel: 8 of whole levels, the others of fractions."""

BLOCK = 8
"""Rows that are added at a time."""


class Banded(NamedTuple):
    """A matrix with as many rows and columns as needed, padded with zeros, and where it is not zero."""

    values: Float32Array
    first_block: Int32Array
    """By row: the block of columns that the values begin in ..."""
    last_block: Int32Array
    """... and the one after the last."""
    first_column: Int32Array
    """By block of rows: the column that the values begin in ..."""
    last_column: Int32Array
    """... and the one after the last."""


def apply(image_HW3: UInt8Image, severity: int, key: Key) -> UInt8Image:
    """See `Corruption.apply`."""
    corners_32 = np.array([2 * fraction(key, i, stream=1) - 1 for i in range(6)]).reshape(3, 2)
    return render(image_HW3, severity, corners_32, _fields(image_HW3, key))


def apply_package(image_HW3: UInt8Image, severity: int, key: Key) -> UInt8Image:
    """See `Corruption.as_package`."""
    return render_package(image_HW3, severity, _fields(image_HW3, key))


def render(
    image_HW3: UInt8Image, severity: int, corners_32: npt.NDArray[np.float64], uniform_2HW: Float32Array
) -> UInt8Image:
    """The image under these numbers of -1..1: a move of each corner, x and y, and the two fields."""
    height, width, _ = image_HW3.shape
    scale = min(height, width) / 224
    level = severity - 1
    places_2HW = np.empty((2, height, width), np.float32)
    _affine(places_2HW, *_back(height, width, corners_32 * (TILT[level] * scale)))
    tilted = np.empty((height + 1, width + 1), np.uint64)
    _pack_planes(_sampled(_packed(image_HW3), places_2HW, 0.0), tilted)
    sigma = SIGMA[level] * scale
    for axis in range(2):
        smooth_HW = smoothed(uniform_2HW[axis], sigma, sigma)
        _displace(smooth_HW, np.float32(HEIGHT[level] * scale**2), axis == 1, places_2HW[axis])
    return _floored(_sampled(tilted, places_2HW, 0.5))


def render_package(image_HW3: UInt8Image, severity: int, uniform_2HW: Float32Array) -> UInt8Image:
    """The image under these two fields of numbers of -1..1, by the package's algorithm."""
    height, width, _ = image_HW3.shape
    places_2HW = np.empty((2, height, width), np.float32)
    for axis in range(2):
        smooth_HW = smoothed(uniform_2HW[axis], PACKAGE_SIGMA * height, PACKAGE_SIGMA * width)
        amplitude = np.float32(PACKAGE_HEIGHT[severity - 1] * 0.005 * height)
        _displace(smooth_HW, amplitude, axis == 1, places_2HW[axis])
    return _floored(_sampled(_packed(image_HW3), places_2HW, 0.5))


def smoothed(field_HW: Float32Array, sigma_y: float, sigma_x: float) -> Float32Array:
    """The field under a Gaussian, mirrored at the edges."""
    if sigma_y == sigma_x < WIDE:
        return smooth(field_HW[..., None], sigma_y, "reflect", TRUNCATE)[..., 0]
    height, width = field_HW.shape
    padded = np.zeros((_whole(height), _whole(width)), np.float32)
    padded[:height, :width] = field_HW
    step_y, step_x = _step(sigma_y), _step(sigma_x)
    values = _product(_gaussian(height, sigma_y, step_y, False), _dense(padded))
    values = _product(_dense(values), _gaussian(width, sigma_x, step_x, True))
    if step_y > 1:
        values = _product(_between(height, step_y, False), _dense(values))
    if step_x > 1:
        values = _product(_dense(values), _between(width, step_x, True))
    return np.ascontiguousarray(values[:height, :width])


def _fields(image_HW3: UInt8Image, key: Key) -> Float32Array:
    return uniforms(key, (2, *image_HW3.shape[:2]))


def _back(height: int, width: int, moves_32: npt.NDArray[np.float64]) -> tuple[np.float64, ...]:
    """Where the pixel at (x, y) comes from: x a + y b + c, x d + y e + f."""
    x, y, reach = float(width // 2), float(height // 2), float(min(height, width) // 3)
    corners = ((x + reach, y + reach), (x + reach, y - reach), (x - reach, y - reach))
    moved = [(float(u) + float(du), float(v) + float(dv)) for (u, v), (du, dv) in zip(corners, moves_32, strict=True)]
    (right_x, right_y), (up_x, up_y) = ((moved[i][0] - moved[i + 1][0], moved[i][1] - moved[i + 1][1]) for i in (1, 0))
    area = right_x * up_y - right_y * up_x
    share = 2 * reach / area if area else 0.0
    a, b, d, e = up_y * share, -up_x * share, -right_y * share, right_x * share
    pivot_x, pivot_y = moved[1]
    c, f = corners[1][0] - a * pivot_x - b * pivot_y, corners[1][1] - d * pivot_x - e * pivot_y
    return tuple(np.float64(value) for value in (a, b, c, d, e, f))


def _packed(image_HW3: UInt8Image) -> UInt64Array:
    height, width, _ = image_HW3.shape
    packed = np.empty((height + 1, width + 1), np.uint64)
    _pack_values(image_HW3.reshape(height, width * 3), packed)
    return packed


def _sampled(packed: UInt64Array, places_2HW: Float32Array, margin: float) -> Float32Array:
    """Channels 3HW in levels, at places (x, y), mirrored at `margin` pixels outside the outermost pixels' centres."""
    channels_3HW = np.empty((3, *places_2HW.shape[1:]), np.float32)
    width = places_2HW.shape[2]
    row = np.empty(width, np.int32), np.empty((2, width), np.float32), np.empty((4, width), np.uint64)
    _sample(packed, places_2HW, np.float32(margin), *row, channels_3HW)
    return channels_3HW


def _floored(channels_3HW: Float32Array) -> UInt8Image:
    _, height, width = channels_3HW.shape
    image_HW3 = np.empty((height, width, 3), np.uint8)
    _interleave(channels_3HW.reshape(3, -1), image_HW3.reshape(-1))
    return image_HW3


def _whole(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _step(sigma: float) -> int:
    return max(1, int(sigma / SPARSE))


def _dense(values: Float32Array) -> Banded:
    rows, columns = values.shape
    last_block, last_column = np.full(rows, columns // BLOCK, np.int32), np.full(rows // BLOCK, columns, np.int32)
    return Banded(values, np.zeros_like(last_block), last_block, np.zeros_like(last_column), last_column)


def _product(left: Banded, right: Banded) -> Float32Array:
    product = np.empty((left.values.shape[0], right.values.shape[1]), np.float32)
    _multiply(
        left.values,
        left.first_block,
        left.last_block,
        right.values,
        right.first_column,
        right.last_column,
        product,
    )
    return product


@lru_cache(maxsize=32)
def _gaussian(size: int, sigma: float, step: int, transposed: bool) -> Banded:
    """The matrix of a Gaussian filter whose results are wanted at places 0, step, 2 step ... up to the last one."""
    reach = int(TRUNCATE * sigma + 0.5)
    heights = [exp(-0.5 * (distance / sigma) ** 2) for distance in range(reach + 1)]
    total = heights[0] + 2 * sum(heights[1:])
    weights_R = np.array([heights[abs(distance)] / total for distance in range(-reach, reach + 1)])
    nodes = -(-(size - 1) // step) + 1
    matrix = np.zeros((nodes, size))
    for node in range(nodes):
        phase_R = np.arange(node * step - reach, node * step + reach + 1) % (2 * size)
        np.add.at(matrix[node], np.minimum(phase_R, 2 * size - 1 - phase_R), weights_R)
    return _banded(matrix, transposed)


@lru_cache(maxsize=32)
def _between(size: int, step: int, transposed: bool) -> Banded:
    """The matrix that interpolates from the places of `_gaussian` to all."""
    matrix = np.zeros((size, -(-(size - 1) // step) + 1))
    for place in range(size):
        node, rest = divmod(place, step)
        matrix[place, node] = 1 - rest / step
        if rest:
            matrix[place, node + 1] = rest / step
    return _banded(matrix, transposed)


def _banded(matrix: npt.NDArray[np.float64], transposed: bool) -> Banded:
    matrix = matrix.T if transposed else matrix
    rows, columns = matrix.shape
    values = np.zeros((_whole(rows), _whole(columns)), np.float32)
    values[:rows, :columns] = matrix
    first_block, last_block = _extent(values.reshape(values.shape[0], -1, BLOCK), 2)
    first_column, last_column = _extent(values.reshape(-1, BLOCK, values.shape[1]), 1)
    return Banded(values, first_block, last_block, first_column, last_column)


def _extent(values: Float32Array, axis: int) -> tuple[Int32Array, Int32Array]:
    """By row the first place that is used, and the one after the last, once all along the axis are one place."""
    used = (values != 0).max(axis=axis)
    last = np.where(used.any(axis=1), used.shape[1] - used[:, ::-1].argmax(axis=1), 0)
    return used.argmax(axis=1).astype(np.int32), last.astype(np.int32)


@kernel
def _multiply(
    left: Float32Array,
    first_block: Int32Array,
    last_block: Int32Array,
    right: Float32Array,
    first_column: Int32Array,
    last_column: Int32Array,
    product: Float32Array,
) -> None:
    for y in range(left.shape[0]):
        sums = product[y]
        for x in range(sums.size):
            sums[x] = np.float32(0)
        for block in range(first_block[y], last_block[y]):
            i, begin, end = block * BLOCK, first_column[block], last_column[block]
            _add_rows(
                sums[begin:end],
                left[y, i : i + BLOCK],
                right[i][begin:end],  # a row before its columns: numba knows such a view to be contiguous
                right[i + 1][begin:end],
                right[i + 2][begin:end],
                right[i + 3][begin:end],
                right[i + 4][begin:end],
                right[i + 5][begin:end],
                right[i + 6][begin:end],
                right[i + 7][begin:end],
            )


@kernel
def _add_rows(
    sums: Float32Array,
    weights: Float32Array,
    a: Float32Array,
    b: Float32Array,
    c: Float32Array,
    d: Float32Array,
    e: Float32Array,
    f: Float32Array,
    g: Float32Array,
    h: Float32Array,
) -> None:
    weight_a, weight_b, weight_c, weight_d = weights[0], weights[1], weights[2], weights[3]
    weight_e, weight_f, weight_g, weight_h = weights[4], weights[5], weights[6], weights[7]
    for x in range(sums.size):
        upper = (a[x] * weight_a + b[x] * weight_b) + (c[x] * weight_c + d[x] * weight_d)
        lower = (e[x] * weight_e + f[x] * weight_f) + (g[x] * weight_g + h[x] * weight_h)
        sums[x] += upper + lower


@kernel
def _affine(
    places_2HW: Float32Array,
    a: np.float64,
    b: np.float64,
    c: np.float64,
    d: np.float64,
    e: np.float64,
    f: np.float64,
) -> None:
    for y in range(places_2HW.shape[1]):
        across, down = places_2HW[0, y], places_2HW[1, y]
        for x in range(across.size):
            across[x] = np.float32(np.float64(np.int32(x)) * a + (np.float64(y) * b + c))
        for x in range(down.size):
            down[x] = np.float32(np.float64(np.int32(x)) * d + (np.float64(y) * e + f))


@kernel
def _displace(field_HW: Float32Array, amplitude: np.float32, downwards: bool, places_HW: Float32Array) -> None:
    along = np.float32(0) if downwards else np.float32(1)
    for y in range(field_HW.shape[0]):
        field, places = field_HW[y], places_HW[y]
        start = np.float32(y) if downwards else np.float32(0)
        for x in range(field.size):
            places[x] = field[x] * amplitude + (np.float32(np.int32(x)) * along + start)


@kernel
def _pack_values(values_HN: UInt8Image, packed: UInt64Array) -> None:
    """Fractions of levels are 0, as is the margin on the right and below, which has no weight."""
    height, width = packed.shape[0] - 1, packed.shape[1] - 1
    for y in range(height):
        values, row = values_HN[y], packed[y]
        for x in range(width):
            red, green, blue = np.uint64(values[3 * x]), np.uint64(values[3 * x + 1]), np.uint64(values[3 * x + 2])
            levels = red | green << np.uint64(BITS) | blue << np.uint64(2 * BITS)
            row[x] = levels << np.uint64(BITS - 8)
        row[width] = np.uint64(0)
    packed[height] = np.uint64(0)


@kernel
def _pack_planes(channels_3HW: Float32Array, packed: UInt64Array) -> None:
    half, one = np.float32(0.5), np.float32(1 << (BITS - 8))
    height, width = packed.shape[0] - 1, packed.shape[1] - 1
    for y in range(height):
        reds, greens, blues, row = channels_3HW[0, y], channels_3HW[1, y], channels_3HW[2, y], packed[y]
        for x in range(width):
            red = np.uint64(np.uint32(np.int32(reds[x] * one + half)))
            green = np.uint64(np.uint32(np.int32(greens[x] * one + half)))
            blue = np.uint64(np.uint32(np.int32(blues[x] * one + half)))
            row[x] = red | green << np.uint64(BITS) | blue << np.uint64(2 * BITS)
        row[width] = np.uint64(0)
    packed[height] = np.uint64(0)


@kernel
def _sample(
    packed: UInt64Array,
    places_2HW: Float32Array,
    margin: np.float32,
    index_W: Int32Array,
    weight_2W: Float32Array,
    corners_4W: UInt64Array,
    channels_3HW: Float32Array,
) -> None:
    _, height, width = places_2HW.shape
    packed_N = packed.reshape(-1)
    pitch = packed.shape[1]
    right_N, below_N, both_N = packed_N[1:], packed_N[pitch:], packed_N[pitch + 1 :]
    for y in range(height):
        for x in range(width):
            index_W[x] = np.int32(0)
        _fold(places_2HW[0, y], np.float32(pitch - 2), margin, np.int32(1), index_W, weight_2W[0])
        _fold(places_2HW[1, y], np.float32(packed.shape[0] - 2), margin, np.int32(pitch), index_W, weight_2W[1])
        for x in range(width):
            i = np.uint32(index_W[x])
            corners_4W[0, x] = packed_N[i]
            corners_4W[1, x] = right_N[i]
            corners_4W[2, x] = below_N[i]
            corners_4W[3, x] = both_N[i]
        for channel in range(3):
            shift = np.uint64(channel * BITS)
            _interpolate(corners_4W, shift, weight_2W, channels_3HW[channel, y])


@kernel
def _fold(
    places_W: Float32Array,
    last: np.float32,
    margin: np.float32,
    pitch: np.int32,
    index_W: Int32Array,
    weight_W: Float32Array,
) -> None:
    """Add to the indices of the pixels at or before the places, mirrored into 0..last, and give the rest."""
    period = (last + margin * np.float32(2)) * np.float32(2)
    inverse = np.float32(1) / period
    for x in range(places_W.size):
        phase = places_W[x] + margin
        turns = min(max(phase * inverse, np.float32(-1000)), np.float32(1000))
        periods = np.float32(np.int32(turns))
        periods = periods - np.float32(1) if turns < periods else periods
        phase -= periods * period
        place = min(phase, period - phase) - margin
        place = min(max(place, np.float32(0)), last)
        whole = np.int32(place)
        weight_W[x] = place - np.float32(whole)
        index_W[x] += whole * pitch


@kernel
def _interpolate(corners_4W: UInt64Array, shift: np.uint64, weight_2W: Float32Array, levels_W: Float32Array) -> None:
    mask, scale = np.uint64((1 << BITS) - 1), np.float32(1 / (1 << (BITS - 8)))
    upper_left, upper_right, lower_left, lower_right = corners_4W[0], corners_4W[1], corners_4W[2], corners_4W[3]
    across, down = weight_2W[0], weight_2W[1]
    for x in range(levels_W.size):
        a, b = np.float32(np.int32(upper_left[x] >> shift & mask)), np.float32(np.int32(upper_right[x] >> shift & mask))
        c, d = np.float32(np.int32(lower_left[x] >> shift & mask)), np.float32(np.int32(lower_right[x] >> shift & mask))
        upper, lower = a + (b - a) * across[x], c + (d - c) * across[x]
        levels_W[x] = (upper + (lower - upper) * down[x]) * scale


@kernel
def _interleave(channels_3N: Float32Array, values_N: UInt8Image) -> None:
    reds, greens, blues = channels_3N[0], channels_3N[1], channels_3N[2]
    for i in range(reds.size):
        values_N[3 * i] = np.uint8(np.int32(reds[i]))
        values_N[3 * i + 1] = np.uint8(np.int32(greens[i]))
        values_N[3 * i + 2] = np.uint8(np.int32(blues[i]))


CORRUPTION = Corruption(
    name="elastic_transform",
    group="digital",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    as_package=apply_package,
)
