"""An image as JPEG holds it, and back: planes of Y, Cb and Cr, the last two at half the width and height (4:2:0).

A plane is cut into blocks of 8 x 8 pixels. Row v of every block lies in one row of an array, block after block, and
the 8 pixels of such a row are one 64-bit word, the leftmost in the lowest bits. So a row of the plane's pixels is
contiguous, and `jpeg_blocks` reads the same row of many blocks at once.

Cb and Cr are means of 2 x 2 pixels. On the way back they are interpolated with weights of 3/4 and 1/4 in each
direction, but in images of up to 4 px in width they are repeated. Outside the image, pixels are repeated on the right
and below; there the encoder repeats the last row to an even height and then the last row of means.

Source: ITU-T T.81, T.871; the rounding is libjpeg-turbo's (`jccolor`, `jcsample`, `jdsample`, `jdcolor`).
"""

from typing import NamedTuple

import numpy as np

from robustbench_cls.core.arrays import UInt8Array, UInt8Image, UInt16Array, UInt64Array
from robustbench_cls.core.kernel import add, high, kernel, mul, shl, shr, sub
from robustbench_cls.core.scratch import scratch
from robustbench_cls.corruptions.jpeg_blocks import LANES

MACROBLOCK = 16
"""Width and height, in pixels of the image, of the area that 4 blocks of Y and one of Cb and Cr each cover."""

ONE, TWO, THREE, SEVEN, EIGHT = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(7), np.uint64(8)
"""Places are uint64 in the kernels: a number without a sign can't be negative, so numba leaves out the test of it."""


class Planes(NamedTuple):
    """The planes of an image. They live in the thread's working memory."""

    luma_8N: UInt64Array
    """Row v of the blocks of Y, from left to right and then down. Those after the last are never read."""
    chroma_8N: UInt64Array
    """Row v of the blocks of Cb, and then of those of Cr."""


def planes_of(image_HW3: UInt8Image) -> Planes:
    """The planes of a contiguous image."""
    height, width, _ = image_HW3.shape
    down, across = -(-height // MACROBLOCK), -(-width // MACROBLOCK)
    wide = across * MACROBLOCK
    planes = Planes(_words("jpeg_luma", 4 * down * across), _words("jpeg_chroma", 2 * down * across))
    _divide(
        image_HW3.reshape(-1),
        np.uint64(height),
        np.uint64(width),
        scratch("jpeg_colours", (3 * wide,), np.uint8),
        scratch("jpeg_pairs", (2 * wide,), np.uint16),
        planes.luma_8N.view(np.uint8),
        planes.chroma_8N.view(np.uint8),
    )
    return planes


def image_of(planes: Planes, height: int, width: int) -> UInt8Image:
    """The image of this size that the planes hold."""
    wide = -(-width // MACROBLOCK) * MACROBLOCK
    image_HW3 = np.empty((height, width, 3), np.uint8)
    _unite(
        planes.luma_8N.view(np.uint8),
        planes.chroma_8N.view(np.uint8),
        np.uint64(height),
        np.uint64(width),
        scratch("jpeg_colours", (3 * wide,), np.uint8),
        scratch("jpeg_sums", (wide // 2 + 2,), np.uint16),
        scratch("jpeg_pairs", (wide,), np.uint16),
        image_HW3.reshape(-1),
    )
    return image_HW3


def _words(owner: str, blocks: int) -> UInt64Array:
    return scratch(owner, (8, -(-blocks // LANES) * LANES), np.uint64)


@kernel
def _divide(
    values_N: UInt8Array,
    height: np.uint64,
    width: np.uint64,
    colours_3V: UInt8Array,
    pairs_2V: UInt16Array,
    luma_8V: UInt8Array,
    chroma_8V: UInt8Array,
) -> None:
    luma_N, chroma_N = luma_8V.reshape(-1), chroma_8V.reshape(-1)
    wide, halves_2V = np.uint64(colours_3V.size) // THREE, pairs_2V.view(np.uint8)
    half = wide >> ONE
    luma_pitch, chroma_pitch = np.uint64(luma_8V.shape[1]), np.uint64(chroma_8V.shape[1])
    second = half * ((height + np.uint64(15)) >> np.uint64(4))  # where the blocks of Cr begin
    rows = (height + ONE) >> ONE
    for k in range(rows):
        for h in range(TWO):
            y = TWO * k + h
            _take_apart(values_N, min(y, height - ONE) * THREE * width, width, colours_3V, wide)
            to = (y & SEVEN) * luma_pitch + (y >> THREE) * wide
            _to_ycc(colours_3V, wide, luma_N, to, halves_2V, h * TWO * wide)
        to = (k & SEVEN) * chroma_pitch + (k >> THREE) * half
        _halve(pairs_2V, np.uint64(0), wide, half, chroma_N, to)
        _halve(pairs_2V, half, wide + half, half, chroma_N, to + second)
    _repeat(luma_N, luma_pitch, TWO * rows - ONE, wide, np.uint64(0))
    _repeat(chroma_N, chroma_pitch, rows - ONE, half, np.uint64(0))
    _repeat(chroma_N, chroma_pitch, rows - ONE, half, second)


@kernel
def _take_apart(
    values_N: UInt8Array, start: np.uint64, width: np.uint64, colours_3V: UInt8Array, wide: np.uint64
) -> None:
    """A row of pixels as a row of each colour. The last pixel is repeated."""
    for x in range(width):
        colours_3V[x] = values_N[start + THREE * x]
        colours_3V[wide + x] = values_N[start + THREE * x + ONE]
        colours_3V[TWO * wide + x] = values_N[start + THREE * x + TWO]
    for x in range(width, wide):
        colours_3V[x] = colours_3V[width - ONE]
        colours_3V[wide + x] = colours_3V[wide + width - ONE]
        colours_3V[TWO * wide + x] = colours_3V[TWO * wide + width - ONE]


@kernel
def _to_ycc(
    colours_3V: UInt8Array,
    wide: np.uint64,
    luma_N: UInt8Array,
    to: np.uint64,
    chroma_N: UInt8Array,
    chroma_to: np.uint64,
) -> None:
    # factors in 1/65536: 0.299 and 0.114 of Y; Cb = 0.564 (B - Y) and Cr = 0.713 (R - Y), taken twice and halved
    for x in range(wide):
        green = np.int16(colours_3V[wide + x])
        red, blue = sub(np.int16(colours_3V[x]), green), sub(np.int16(colours_3V[TWO * wide + x]), green)
        light = add(add(mul(np.int32(red), 19595), mul(np.int32(blue), 7471)), 32768)
        luma_N[to + x] = np.uint8(add(green, np.int16(shr(light, 16))))
        chroma_N[chroma_to + x] = np.uint8(add(shr(sub(blue, high(red, 22118)), 1), 128))
        chroma_N[chroma_to + wide + x] = np.uint8(add(shr(sub(red, high(blue, 10658)), 1), 128))


@kernel
def _halve(
    pairs: UInt16Array, above: np.uint64, below: np.uint64, length: np.uint64, chroma_N: UInt8Array, to: np.uint64
) -> None:
    """Means of two pixels of one row and the two below. They are rounded down and up in turn."""
    for x in range(length):
        upper, lower = pairs[above + x], pairs[below + x]
        left, right = add(upper & np.uint16(255), lower & np.uint16(255)), add(shr(upper, 8), shr(lower, 8))
        chroma_N[to + x] = np.uint8(shr(add(add(left, right), np.uint16(x & ONE) + np.uint16(1)), 2))


@kernel
def _repeat(plane_N: UInt8Array, pitch: np.uint64, last: np.uint64, length: np.uint64, start: np.uint64) -> None:
    """Repeat row `last` of the plane down to the end of its blocks."""
    place = start + (last >> THREE) * length
    for v in range((last & SEVEN) + ONE, EIGHT):
        for x in range(length):
            plane_N[v * pitch + place + x] = plane_N[(last & SEVEN) * pitch + place + x]


@kernel
def _unite(
    luma_8V: UInt8Array,
    chroma_8V: UInt8Array,
    height: np.uint64,
    width: np.uint64,
    colours_3V: UInt8Array,
    sums_V: UInt16Array,
    pairs_2V: UInt16Array,
    values_N: UInt8Array,
) -> None:
    luma_N, chroma_N = luma_8V.reshape(-1), chroma_8V.reshape(-1)
    wide = np.uint64(colours_3V.size) // THREE
    half = wide >> ONE
    luma_pitch, chroma_pitch = np.uint64(luma_8V.shape[1]), np.uint64(chroma_8V.shape[1])
    second = half * ((height + np.uint64(15)) >> np.uint64(4))
    rows, columns = (height + ONE) >> ONE, (width + ONE) >> ONE
    for y in range(height):
        near = y >> ONE
        far = min(near + ONE, rows - ONE) if y & ONE else max(near, ONE) - ONE
        near_at = (near & SEVEN) * chroma_pitch + (near >> THREE) * half
        far_at = (far & SEVEN) * chroma_pitch + (far >> THREE) * half
        if columns > TWO:
            _enlarge(chroma_N, near_at, far_at, columns, sums_V, pairs_2V, np.uint64(0))
            _enlarge(chroma_N, near_at + second, far_at + second, columns, sums_V, pairs_2V, half)
        else:
            for x in range(columns):
                pairs_2V[x] = mul(np.uint16(chroma_N[near_at + x]), 257)
                pairs_2V[half + x] = mul(np.uint16(chroma_N[near_at + second + x]), 257)
        _to_rgb(
            luma_N, (y & SEVEN) * luma_pitch + (y >> THREE) * wide, pairs_2V.view(np.uint8), width, wide, colours_3V
        )
        _put_together(colours_3V, wide, width, values_N, y * THREE * width)


@kernel
def _enlarge(
    chroma_N: UInt8Array,
    near: np.uint64,
    far: np.uint64,
    columns: np.uint64,
    sums_V: UInt16Array,
    pairs_V: UInt16Array,
    to: np.uint64,
) -> None:
    """A row of the image's width from the nearer row of means and the one farther off. A pair is written as one."""
    for x in range(columns):
        sums_V[x + ONE] = add(mul(np.uint16(chroma_N[near + x]), 3), np.uint16(chroma_N[far + x]))
    sums_V[0] = sums_V[1]
    sums_V[columns + ONE] = sums_V[columns]
    for x in range(columns):
        threefold = mul(sums_V[x + ONE], 3)
        left, right = shr(add(add(threefold, sums_V[x]), 8), 4), shr(add(add(threefold, sums_V[x + TWO]), 7), 4)
        pairs_V[to + x] = left | shl(right, 8)


@kernel
def _to_rgb(
    luma_N: UInt8Array,
    start: np.uint64,
    chroma_2V: UInt8Array,
    width: np.uint64,
    wide: np.uint64,
    colours_3V: UInt8Array,
) -> None:
    # R = Y + 1.402 Cr, G = Y - 0.344 Cb - 0.714 Cr, B = Y + 1.772 Cb, factors in 1/65536. So that products fit into
    # 16 bits, the fraction of R is taken twice, as 1 - 0.196, that of B as -0.456, and both are halved.
    for x in range(width):
        luma = np.int16(luma_N[start + x])
        cb, cr = sub(np.int16(chroma_2V[x]), 128), sub(np.int16(chroma_2V[wide + x]), 128)
        mixed = shr(sub(add(mul(np.int32(cr), 18734), 32768), mul(np.int32(cb), 22554)), 16)
        red = add(add(luma, cr), shr(add(add(cr, high(cr, -12846)), 1), 1))
        green = add(sub(luma, cr), np.int16(mixed))
        blue = add(add(luma, shl(cb, 1)), shr(add(high(cb, -29884), 1), 1))
        colours_3V[x] = np.uint8(min(max(red, np.int16(0)), np.int16(255)))
        colours_3V[wide + x] = np.uint8(min(max(green, np.int16(0)), np.int16(255)))
        colours_3V[TWO * wide + x] = np.uint8(min(max(blue, np.int16(0)), np.int16(255)))


@kernel
def _put_together(
    colours_3V: UInt8Array, wide: np.uint64, width: np.uint64, values_N: UInt8Array, start: np.uint64
) -> None:
    for x in range(width):
        values_N[start + THREE * x] = colours_3V[x]
        values_N[start + THREE * x + ONE] = colours_3V[wide + x]
        values_N[start + THREE * x + TWO] = colours_3V[TWO * wide + x]
