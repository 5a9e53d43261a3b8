"""Pixels packed for AugMix: one 32-bit number each, red in the lowest byte, then green, blue, and a byte of no meaning.

Pillow keeps RGB images so, and packs and unpacks them faster than into rows of three bytes. One look-up reads a whole
pixel, and a vector register holds as many pixels as floats.

A table holds 256 values for each of red, green and blue, in this order.
"""

import numpy as np
from PIL import Image

from robustbench_cls.core.arrays import Float32Array, Int32Array, UInt8Array, UInt32Array
from robustbench_cls.core.kernel import kernel, shl, shr

TABLE = 3 * 256
"""Values of a table."""


def packed(image: Image.Image) -> UInt32Array:
    """The pixels HW of an RGB image, to be read only."""
    return np.frombuffer(image.tobytes("raw", "RGBX"), np.uint32).reshape(image.height, image.width)


def unpacked(pixels_HW: UInt32Array) -> Image.Image:
    """The image of these pixels."""
    height, width = pixels_HW.shape
    return Image.frombytes("RGB", (width, height), pixels_HW, "raw", "RGBX")


def counted(pixels_HW: UInt32Array) -> Int32Array:
    """How many pixels have each value of red, green and blue: a table."""
    counts_2T = np.zeros((2, TABLE), np.int32)
    _count(pixels_HW, counts_2T)
    counts_T: Int32Array = counts_2T[0]
    return counts_T


@kernel
def look_up(pixels_HW: UInt32Array, table_T: UInt8Array, out_HW: UInt32Array) -> None:
    """Write pixels with the values that a table has for theirs."""
    pixels_P, out_P = pixels_HW.reshape(-1), out_HW.reshape(-1)
    for i in range(pixels_P.size):
        pixel = pixels_P[i]
        red, green, blue = _value(pixel, 0), _value(pixel, 8), _value(pixel, 16)
        green, blue = green + np.uint32(256), blue + np.uint32(512)
        out_P[i] = np.uint32(table_T[red]) | shl(np.uint32(table_T[green]), 8) | shl(np.uint32(table_T[blue]), 16)


@kernel
def blend(
    pixels_HW: UInt32Array,
    table_T: Float32Array,
    layers_KHW: UInt32Array,
    weights_K: Float32Array,
    out_HW: UInt32Array,
) -> None:
    """Write the sum of what a table has for the pixels' values and of weighted layers, rounded to the nearest level.

    A layer of weight 0 is not read.
    """
    pixels_P, layers_N, out_P = pixels_HW.reshape(-1), layers_KHW.reshape(-1), out_HW.reshape(-1)
    width, pixels = np.uint64(pixels_HW.shape[1]), np.uint64(pixels_HW.size)
    sums_N = np.empty(3 * width, np.float32)  # of a row, so that they stay in the first-level cache
    for row in range(pixels // width):
        start = row * width
        for x in range(width):
            pixel = pixels_P[start + x]
            sums_N[x] = table_T[_value(pixel, 0)]
            sums_N[width + x] = table_T[_value(pixel, 8) + np.uint32(256)]
            sums_N[width + width + x] = table_T[_value(pixel, 16) + np.uint32(512)]
        for k in range(np.uint64(weights_K.size)):
            if weights_K[k] > np.float32(0):
                _add(layers_N, k * pixels + start, weights_K[k], sums_N, width)
        _round(sums_N, width, out_P, start)


@kernel
def _value(pixel: np.uint32, shift: int) -> np.uint32:
    value: np.uint32 = shr(pixel, shift) & np.uint32(255)
    return value


@kernel
def _count(pixels_HW: UInt32Array, counts_2T: Int32Array) -> None:
    """Count even and odd pixels apart: a counter that is counted up twice in a row waits for its own memory."""
    pixels_P, counts_T, others_T = pixels_HW.reshape(-1), counts_2T[0], counts_2T[1]
    pairs = np.uint64(pixels_P.size // 2)
    for i in range(pairs):
        _count_one(pixels_P[i + i], counts_T)
        _count_one(pixels_P[i + i + np.uint64(1)], others_T)
    if pixels_P.size % 2:
        _count_one(pixels_P[pixels_P.size - 1], counts_T)
    for i in range(counts_T.size):
        counts_T[i] += others_T[i]


@kernel
def _count_one(pixel: np.uint32, counts_T: Int32Array) -> None:
    counts_T[_value(pixel, 0)] += np.int32(1)
    counts_T[_value(pixel, 8) + np.uint32(256)] += np.int32(1)
    counts_T[_value(pixel, 16) + np.uint32(512)] += np.int32(1)


@kernel
def _add(layers_N: UInt32Array, start: np.uint64, weight: np.float32, sums_N: Float32Array, width: np.uint64) -> None:
    for x in range(width):
        pixel = layers_N[start + x]
        sums_N[x] += weight * np.float32(np.int32(_value(pixel, 0)))
        sums_N[width + x] += weight * np.float32(np.int32(_value(pixel, 8)))
        sums_N[width + width + x] += weight * np.float32(np.int32(_value(pixel, 16)))


@kernel
def _round(sums_N: Float32Array, width: np.uint64, out_P: UInt32Array, start: np.uint64) -> None:
    half, opaque = np.float32(0.5), np.uint32(0xFF000000)  # what Pillow keeps in the fourth byte
    for x in range(width):
        red = np.uint32(np.int32(sums_N[x] + half))
        green = np.uint32(np.int32(sums_N[width + x] + half))
        blue = np.uint32(np.int32(sums_N[width + width + x] + half))
        out_P[start + x] = red | shl(green, 8) | shl(blue, 16) | opaque
