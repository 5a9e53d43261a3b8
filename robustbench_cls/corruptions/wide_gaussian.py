"""A Gaussian filter of many pixels. It is computed at places some pixels apart, and interpolated between them.

Smoothing is a product with a matrix for each axis. Most of a matrix is zero, and blocks of zeros are left out. Results
differ from the direct way by at most 1e-4 of the largest value.
"""

from functools import lru_cache
from math import exp
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.arrays import Float32Array, Int32Array
from robustbench_cls.core.kernel import kernel
from robustbench_cls.corruptions.gaussian import smooth

TRUNCATE = 3.0
"""The Gaussians end at this many standard deviations."""

SPARSE = 40.0
"""The distance between computed places is the standard deviation, in pixels, divided by this."""

WIDE = 40.0
"""From this standard deviation on, in pixels, the filter by matrices is faster than the direct one."""

BLOCK = 8
"""Rows that are added at once."""


class Banded(NamedTuple):
    """A matrix padded with zeros to whole blocks, and the places where it is not zero."""

    values: Float32Array
    first_block: Int32Array
    """For each row, the block of columns in which its values begin ..."""
    last_block: Int32Array
    """... and the block after the last one."""
    first_column: Int32Array
    """For each block of rows, the column in which its values begin ..."""
    last_column: Int32Array
    """... and the one after the last."""


def smoothed(field_HW: Float32Array, sigma_y: float, sigma_x: float) -> Float32Array:
    """The field smoothed by a Gaussian. Edges are mirrored."""
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
    """The matrix of a Gaussian filter with results at the places 0, step, 2 step ... and the last one."""
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
    """The matrix that interpolates from the places of `_gaussian` to all places."""
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
    """For each row: the first column or block that is not zero, and the one after the last."""
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
    # flat arrays and places in them: a view for each row takes longer than the loop over it
    left_N, right_N, product_N = left.reshape(-1), right.reshape(-1), product.reshape(-1)
    depth, length = np.uint64(left.shape[1]), np.uint64(right.shape[1])
    for y in range(np.uint64(left.shape[0])):
        to = y * length
        for x in range(length):
            product_N[to + x] = np.float32(0)
        for block in range(first_block[y], last_block[y]):
            begin = np.uint64(first_column[block])
            row = np.uint64(block) * np.uint64(BLOCK)
            count = np.uint64(last_column[block]) - begin
            _add_rows(product_N, to + begin, count, left_N, y * depth + row, right_N, row * length + begin, length)


@kernel
def _add_rows(
    sums_N: Float32Array,
    to: np.uint64,
    count: np.uint64,
    weights_N: Float32Array,
    weight: np.uint64,
    rows_N: Float32Array,
    a: np.uint64,
    pitch: np.uint64,
) -> None:
    weight_a, weight_b = weights_N[weight], weights_N[weight + np.uint64(1)]
    weight_c, weight_d = weights_N[weight + np.uint64(2)], weights_N[weight + np.uint64(3)]
    weight_e, weight_f = weights_N[weight + np.uint64(4)], weights_N[weight + np.uint64(5)]
    weight_g, weight_h = weights_N[weight + np.uint64(6)], weights_N[weight + np.uint64(7)]
    b = a + pitch
    c = b + pitch
    d = c + pitch
    e = d + pitch
    f = e + pitch
    g = f + pitch
    h = g + pitch
    for x in range(count):
        upper = (rows_N[a + x] * weight_a + rows_N[b + x] * weight_b) + (
            rows_N[c + x] * weight_c + rows_N[d + x] * weight_d
        )
        lower = (rows_N[e + x] * weight_e + rows_N[f + x] * weight_f) + (
            rows_N[g + x] * weight_g + rows_N[h + x] * weight_h
        )
        sums_N[to + x] += upper + lower
