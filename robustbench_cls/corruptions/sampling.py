"""Sample an image at any places, by linear interpolation between the four pixels around each place.

A pixel is packed in 64 bits, 21 for each channel, so that one look-up reads all of it.
"""

import numpy as np

from robustbench_cls.core.arrays import Float32Array, Int32Array, UInt8Image, UInt64Array
from robustbench_cls.core.kernel import add, kernel, mul

BITS = 21
"""Bits of a channel in a packed pixel: 8 hold whole levels, the others fractions."""


def packed_image(image_HW3: UInt8Image) -> UInt64Array:
    """The image packed for `sampled`, with a margin on the right and below."""
    height, width, _ = image_HW3.shape
    packed = np.empty((height + 1, width + 1), np.uint64)
    _pack_values(image_HW3.reshape(height, width * 3), packed)
    return packed


def sampled(packed: UInt64Array, places_2HW: Float32Array, margin: float) -> Float32Array:
    """The channels 3HW, in levels, at these places (x, y).

    The image is mirrored `margin` pixels outside the centres of its outermost pixels.
    """
    channels_3HW = np.empty((3, *places_2HW.shape[1:]), np.float32)
    width = places_2HW.shape[2]
    row = np.empty(width, np.int32), np.empty((2, width), np.float32), np.empty((4, width), np.uint64)
    _sample(packed, places_2HW, np.float32(margin), *row, channels_3HW)
    return channels_3HW


def packed_planes(channels_3HW: Float32Array) -> UInt64Array:
    """Channels 3HW of levels 0..255 packed for `sampled`, as precise as the bits allow."""
    _, height, width = channels_3HW.shape
    packed = np.empty((height + 1, width + 1), np.uint64)
    _pack_planes(channels_3HW, packed)
    return packed


def floored(channels_3HW: Float32Array) -> UInt8Image:
    """The image of channels 3HW of levels, rounded down."""
    _, height, width = channels_3HW.shape
    image_HW3 = np.empty((height, width, 3), np.uint8)
    _interleave(channels_3HW.reshape(3, -1), image_HW3.reshape(-1))
    return image_HW3


@kernel
def _pack_values(values_HN: UInt8Image, packed: UInt64Array) -> None:
    """Pack pixels; fractions of levels are 0. So is the margin on the right and below, which has no weight."""
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
    # flat arrays and places in them: a view for each row takes longer than the loop over it
    packed_N, places_N, channels_N = packed.reshape(-1), places_2HW.reshape(-1), channels_3HW.reshape(-1)
    weight_N, corners_N = weight_2W.reshape(-1), corners_4W.reshape(-1)
    height, width = np.uint64(places_2HW.shape[1]), np.uint64(places_2HW.shape[2])
    pitch, one = np.uint64(packed.shape[1]), np.uint64(1)
    right, bottom = np.float32(packed.shape[1] - 2), np.float32(packed.shape[0] - 2)
    for y in range(height):
        for x in range(width):
            index_W[x] = np.int32(0)
        across, down = y * width, (height + y) * width
        _fold(places_N, across, width, right, margin, np.int32(1), index_W, weight_N, np.uint64(0))
        _fold(places_N, down, width, bottom, margin, np.int32(pitch), index_W, weight_N, width)
        for x in range(width):
            i = np.uint64(np.uint32(index_W[x]))
            corners_N[x] = packed_N[i]
            corners_N[width + x] = packed_N[i + one]
            corners_N[width + width + x] = packed_N[i + pitch]
            corners_N[width + width + width + x] = packed_N[i + pitch + one]
        for channel in range(np.uint64(3)):
            _interpolate(
                corners_N, channel * np.uint64(BITS), weight_N, width, channels_N, (channel * height + y) * width
            )


@kernel
def _fold(
    places_N: Float32Array,
    start: np.uint64,
    width: np.uint64,
    last: np.float32,
    margin: np.float32,
    pitch: np.int32,
    index_W: Int32Array,
    weight_N: Float32Array,
    to: np.uint64,
) -> None:
    """Mirror places into 0..last, add the pixels at or before them to the indices, and write the rest as weights."""
    period = (last + margin * np.float32(2)) * np.float32(2)
    inverse = np.float32(1) / period
    for x in range(width):
        phase = places_N[start + x] + margin
        turns = min(max(phase * inverse, np.float32(-1000)), np.float32(1000))
        periods = np.float32(np.int32(turns))
        periods = periods - np.float32(1) if turns < periods else periods
        phase -= periods * period
        place = min(phase, period - phase) - margin
        place = min(max(place, np.float32(0)), last)
        whole = np.int32(place)
        weight_N[to + x] = place - np.float32(whole)
        index_W[x] = add(index_W[x], mul(whole, pitch))


@kernel
def _interpolate(
    corners_N: UInt64Array,
    shift: np.uint64,
    weight_N: Float32Array,
    width: np.uint64,
    levels_N: Float32Array,
    to: np.uint64,
) -> None:
    mask, scale = np.uint64((1 << BITS) - 1), np.float32(1 / (1 << (BITS - 8)))
    lower_left, lower_right = width + width, width + width + width
    for x in range(width):
        a = np.float32(np.int32(corners_N[x] >> shift & mask))
        b = np.float32(np.int32(corners_N[width + x] >> shift & mask))
        c = np.float32(np.int32(corners_N[lower_left + x] >> shift & mask))
        d = np.float32(np.int32(corners_N[lower_right + x] >> shift & mask))
        across, down = weight_N[x], weight_N[width + x]
        upper, lower = a + (b - a) * across, c + (d - c) * across
        levels_N[to + x] = (upper + (lower - upper) * down) * scale


@kernel
def _interleave(channels_3N: Float32Array, values_N: UInt8Image) -> None:
    reds, greens, blues = channels_3N[0], channels_3N[1], channels_3N[2]
    for i in range(reds.size):
        values_N[3 * i] = np.uint8(np.int32(reds[i]))
        values_N[3 * i + 1] = np.uint8(np.int32(greens[i]))
        values_N[3 * i + 2] = np.uint8(np.int32(blues[i]))
