"""Sample an image at any places, by linear interpolation between the four pixels around each place.

A pixel is packed in 64 bits, 21 for each channel, so that one look-up reads all of it.
"""

import numpy as np

from robustbench_cls.core.arrays import Float32Array, Int32Array, UInt8Image, UInt64Array
from robustbench_cls.core.kernel import kernel

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
    """Mirror places into 0..last, add the pixels at or before them to the indices, and write the rest as weights."""
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
