"""Shift, shear and rotate packed pixels, with linear interpolation.

As in Pillow, a pixel takes its values from a place in the image: between the four pixels around that place, rounded
down. Places outside the image are black; in the half pixel between the outermost centres and the image's edge, the
outermost pixels go on. Places are computed in double precision as in Pillow, levels in single precision: about one
value in 100,000 differs, by one level.

Source: Pillow 13, `Image.rotate` and `Image.transform` with `Transform.AFFINE` and `Resampling.BILINEAR`.
"""

from math import cos, radians, sin

import numpy as np

from robustbench_cls.core.arrays import Float32Array, UInt32Array
from robustbench_cls.core.kernel import add, kernel, mul, shl, shr, sub
from robustbench_cls.core.scratch import scratch

SMALLEST = 2
"""Least side in px of the images that can be rotated or sheared."""

ONE = 40
"""Places are whole numbers of which this bit is a pixel. Vectors of them are made faster than of fractions."""


def shift(pixels_HW: UInt32Array, right: int, down: int, out_HW: UInt32Array) -> None:
    """Write the pixels that lie `right` to the right of each pixel and `down` below it."""
    height, width = pixels_HW.shape
    top, bottom, left, end = max(0, -down), min(height, height - down), max(0, -right), min(width, width - right)
    out_HW[:top] = 0
    out_HW[bottom:] = 0
    out_HW[:, :left] = 0
    out_HW[:, end:] = 0
    out_HW[top:bottom, left:end] = pixels_HW[top + down : bottom + down, left + right : end + right]


def shear_x(pixels_HW: UInt32Array, slope: float, out_HW: UInt32Array) -> None:
    """Write pixels from places that are moved to the right by `slope` times their distance from the upper edge."""
    _slide_rows(pixels_HW.reshape(-1), np.uint64(pixels_HW.shape[1]), slope, out_HW.reshape(-1))


def shear_y(pixels_HW: UInt32Array, slope: float, out_HW: UInt32Array) -> None:
    """Write pixels from places that are moved down by `slope` times their distance from the left edge."""
    _map(pixels_HW, (1.0, 0.0, 0.0, slope, 1.0, 0.0), out_HW)


def rotate(pixels_HW: UInt32Array, degrees: int, out_HW: UInt32Array) -> None:
    """Write the image turned about its centre, against the clock."""
    height, width = pixels_HW.shape
    across, along = cos(radians(degrees)), sin(radians(degrees))
    x, y = width / 2, height / 2
    matrix = (across, -along, x - across * x + along * y, along, across, y - along * x - across * y)
    _map(pixels_HW, matrix, out_HW)


def _map(pixels_HW: UInt32Array, matrix: tuple[float, float, float, float, float, float], out_HW: UInt32Array) -> None:
    width = pixels_HW.shape[1]
    indices_2W = scratch("augmix_indices", (2, width), np.uint32)
    weights_2W = scratch("augmix_places", (2, width), np.float32)
    corners_4W = scratch("augmix_corners", (4, width), np.uint32)
    _affine(pixels_HW, *matrix, indices_2W, weights_2W, corners_4W, out_HW)


@kernel
def _slide_rows(pixels_P: UInt32Array, width: np.uint64, slope: float, out_P: UInt32Array) -> None:
    """See `shear_x`: every row is moved by whole pixels and a rest."""
    columns, one = np.int64(width), np.uint64(1)
    for y in range(pixels_P.size // columns):
        start, move = y * columns, slope * (y + 0.5)
        whole = np.int64(np.floor(move))
        rest = np.float32(move - whole)
        first = min(max(-whole, 0), columns)
        last = max(min(columns - 1 - whole, columns), first)
        for x in range(start, start + first):
            out_P[x] = np.uint32(0)
        for x in range(start + last, start + columns):
            out_P[x] = np.uint32(0)
        # the one place in the half pixel between an outermost centre and the edge
        at_left = rest >= np.float32(0.5)
        edge = -1 - whole if at_left else columns - 1 - whole
        if 0 <= edge < columns:
            out_P[start + edge] = pixels_P[start if at_left else start + columns - 1]
        left, to = np.uint64(start + first + whole), np.uint64(start + first)
        for x in range(np.uint64(last - first)):
            a, b = pixels_P[left + x], pixels_P[left + x + one]
            red, green, blue = _between(a, b, rest, 0), _between(a, b, rest, 8), _between(a, b, rest, 16)
            out_P[to + x] = _joined(red, green, blue)


@kernel
def _affine(
    pixels_HW: UInt32Array,
    a: float,
    b: float,
    c: float,
    d: float,
    e: float,
    f: float,
    indices_2W: UInt32Array,
    weights_2W: Float32Array,
    corners_4W: UInt32Array,
    out_HW: UInt32Array,
) -> None:
    """Write pixels from the places x a + y b + c, x d + y e + f, where pixels have their centres at 0.5, 1.5 ..."""
    # flat arrays and places in them: a view for each row takes longer than the loop over it
    pixels_P, out_P = pixels_HW.reshape(-1), out_HW.reshape(-1)
    indices_N, weights_N, corners_N = indices_2W.reshape(-1), weights_2W.reshape(-1), corners_4W.reshape(-1)
    height, width = pixels_HW.shape
    one = np.float64(np.int64(1) << ONE)
    for row in range(height):
        x, y = np.int64((a * 0.5 + b * (row + 0.5) + c) * one), np.int64((d * 0.5 + e * (row + 0.5) + f) * one)
        _place(x, y, np.int64(a * one), np.int64(d * one), height, width, indices_N, weights_N)
        _fetch(pixels_P, indices_N, np.uint64(width), corners_N)
        _interpolate(corners_N, weights_N, indices_N, np.uint64(width), out_P, np.uint64(row * width))


@kernel
def _place(
    x: np.int64,
    y: np.int64,
    step_x: np.int64,
    step_y: np.int64,
    height: int,
    width: int,
    indices_N: UInt32Array,
    weights_N: Float32Array,
) -> None:
    """Write a row's places: the pixel at or before each, a mask that is 0 outside the image, and the fractions."""
    right, bottom, half = np.int64(width) << ONE, np.int64(height) << ONE, np.int64(1) << (ONE - 1)
    end_x, end_y = right - (half << 1), bottom - (half << 1)
    last_x, last_y, pitch = np.int32(width - 2), np.int32(height - 2), np.int32(width)
    cut, scale = ONE - 24, np.float32(1 / (1 << 24))
    for i in range(width):
        inside = (np.uint64(x) < np.uint64(right)) & (np.uint64(y) < np.uint64(bottom))  # both are 0 or more, too
        across, down = min(max(x - half, 0), end_x), min(max(y - half, 0), end_y)
        whole_x, whole_y = min(np.int32(across >> ONE), last_x), min(np.int32(down >> ONE), last_y)
        indices_N[i] = np.uint32(add(mul(whole_y, pitch), whole_x))
        indices_N[width + i] = np.uint32(0xFFFFFFFF) if inside else np.uint32(0)
        # the upper bits are lost on both sides of the difference, which is 0 to 1
        weights_N[i] = np.float32(sub(np.int32(across >> cut), shl(whole_x, 24))) * scale
        weights_N[width + i] = np.float32(sub(np.int32(down >> cut), shl(whole_y, 24))) * scale
        x += step_x
        y += step_y


@kernel
def _fetch(pixels_P: UInt32Array, indices_N: UInt32Array, width: np.uint64, corners_N: UInt32Array) -> None:
    one = np.uint64(1)
    for x in range(width):
        i = np.uint64(indices_N[x])
        corners_N[x] = pixels_P[i]
        corners_N[width + x] = pixels_P[i + one]
        corners_N[width + width + x] = pixels_P[i + width]
        corners_N[width + width + width + x] = pixels_P[i + width + one]


@kernel
def _interpolate(
    corners_N: UInt32Array,
    weights_N: Float32Array,
    masks_N: UInt32Array,
    width: np.uint64,
    out_P: UInt32Array,
    to: np.uint64,
) -> None:
    lower = width + width
    for x in range(width):
        a, b, c, d = corners_N[x], corners_N[width + x], corners_N[lower + x], corners_N[lower + width + x]
        across, down = weights_N[x], weights_N[width + x]
        upper, under = _between(a, b, across, 0), _between(c, d, across, 0)
        red = upper + (under - upper) * down
        upper, under = _between(a, b, across, 8), _between(c, d, across, 8)
        green = upper + (under - upper) * down
        upper, under = _between(a, b, across, 16), _between(c, d, across, 16)
        blue = upper + (under - upper) * down
        out_P[to + x] = _joined(red, green, blue) & masks_N[width + x]


@kernel
def _between(left: np.uint32, right: np.uint32, share: np.float32, at: int) -> np.float32:
    """The level between those of two pixels, in the channel at this bit."""
    first = np.float32(np.int32(shr(left, at) & np.uint32(255)))
    second = np.float32(np.int32(shr(right, at) & np.uint32(255)))
    level: np.float32 = first + (second - first) * share
    return level


@kernel
def _joined(red: np.float32, green: np.float32, blue: np.float32) -> np.uint32:
    """The pixel of these levels, rounded down."""
    first, second, third = np.uint32(np.int32(red)), np.uint32(np.int32(green)), np.uint32(np.int32(blue))
    pixel: np.uint32 = first | shl(second, 8) | shl(third, 16)
    return pixel
