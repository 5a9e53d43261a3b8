"""A window of a resized image with Pillow's pixels, in about a third of Pillow's time.

Pillow weighs columns first and then rows (from version 13 on the other way round for images that lose much more
height than width), rounds to whole levels after each, and counts weights in 2^-22: so does this. It computes only the
window, and reads only the pixels that the window depends on.

Pixels are four bytes, the last of which is carried along: one load then gathers all channels of a pixel, and what
follows is vector code over bytes.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np
import PIL

from robustbench_cls.core.corruption import UInt8Image
from robustbench_cls.corruptions.kernel import Float64Array, Int32Array, UInt32Array, kernel
from robustbench_cls.corruptions.scratch import scratch

Interpolation: TypeAlias = Literal["bilinear", "bicubic"]

SUPPORT: dict[Interpolation, int] = {"bilinear": 1, "bicubic": 2}
"""Reach of the filter, in pixels of the smaller image."""

GROUP = 3
"""Taps that a kernel adds at once: as many as a photo of 500 px needs on its way to 256."""

CHOOSES_ORDER = int(PIL.__version__.partition(".")[0]) >= 13
"""Whether this Pillow weighs the rows first where that saves work."""


@dataclass(frozen=True)
class Window:
    """Pixels `start` .. `stop` - 1 of a side that is resized from `size` to `resized` pixels."""

    size: int
    resized: int
    start: int
    stop: int


@dataclass(frozen=True)
class _Taps:
    """What each of N pixels of a window is made of: K pixels of the original, and their weights in 2^-22."""

    places_KN: UInt32Array
    weights_KN: Int32Array
    first: int
    last: int


def resized_window(pixels_HW4: UInt8Image, rows: Window, columns: Window, interpolation: Interpolation) -> UInt8Image:
    """The pixels that Pillow's `resize` gives inside a window.

    Args:
        pixels_HW4: uint8 RGB and a fourth byte of any value, contiguous; not modified.
        rows: the window's rows; their `size` is the height.
        columns: its columns; their `size` is the width.
        interpolation: the filter, stretched where the image shrinks.

    Returns:
        uint8 HW3, a fresh array.

    Source: the algorithm of Pillow's `Resample.c`.
    """
    down, across = _taps(rows, interpolation), _taps(columns, interpolation)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    window_HR: UInt8Image = scratch("resized", (height, 4 * width), np.uint8)
    if _rows_first(rows, columns):
        flat_HR = scratch("half resized", (height, 4 * (across.last - across.first)), np.uint8)
        _weigh_rows(pixels_HW4, 0, across.first, down, flat_HR)
        _weigh_columns(flat_HR, 0, across.first, across, window_HR)
    else:
        narrow_HR = scratch("half resized", (down.last - down.first, 4 * width), np.uint8)
        _weigh_columns(pixels_HW4, down.first, 0, across, narrow_HR)
        _weigh_rows(narrow_HR, down.first, 0, down, window_HR)
    window_HW3 = np.empty((height, width, 3), np.uint8)
    _drop_fourth(window_HR, window_HW3.reshape(height, -1))
    return window_HW3


def _rows_first(rows: Window, columns: Window) -> bool:
    lost_rows = rows.size - rows.resized
    return CHOOSES_ORDER and lost_rows > max(2 * (columns.size - columns.resized), 0)


def _weigh_columns(pixels_HW4: UInt8Image, top: int, left: int, taps: _Taps, out_HR: UInt8Image) -> None:
    """Rows from `top` on; column 0 of the pixels is column `left` of the original."""
    pixels_HW = pixels_HW4.reshape(pixels_HW4.shape[0], -1).view(np.uint32)
    count = taps.places_KN.shape[1]
    gathered_GN = scratch("gathered pixels", (GROUP, count), np.uint32)
    sums_R = scratch("weighted sums", (4 * count,), np.int32)
    _blend_columns(
        pixels_HW,
        top,
        taps.places_KN - np.uint32(left),
        np.repeat(taps.weights_KN, 4, axis=1),
        gathered_GN,
        gathered_GN.view(np.uint8),
        sums_R,
        out_HR,
    )


def _weigh_rows(pixels_HW4: UInt8Image, top: int, left: int, taps: _Taps, out_HR: UInt8Image) -> None:
    """Columns from `left` on; row 0 of the pixels is row `top` of the original."""
    rows_HR = pixels_HW4.reshape(pixels_HW4.shape[0], -1)
    sums_R = scratch("weighted sums", (out_HR.shape[1],), np.int32)
    _blend_rows(rows_HR, 4 * left, taps.places_KN - np.uint32(top), taps.weights_KN, sums_R, out_HR)


@lru_cache(maxsize=128)
def _taps(window: Window, interpolation: Interpolation) -> _Taps:
    scale = window.size / window.resized
    stretch = max(scale, 1.0)
    reach = SUPPORT[interpolation] * stretch
    centres_N = (np.arange(window.start, window.stop) + 0.5) * scale
    firsts_N = np.maximum((centres_N - reach + 0.5).astype(np.int64), 0)
    ends_N = np.minimum((centres_N + reach + 0.5).astype(np.int64), window.size)
    longest = int((ends_N - firsts_N).max())
    places_KN = firsts_N + np.arange(-(-longest // GROUP) * GROUP)[:, None]
    weights_KN = _filter((places_KN - centres_N + 0.5) * (1.0 / stretch), interpolation)
    weights_KN[places_KN >= ends_N] = 0.0
    total_N = np.zeros(firsts_N.size)
    for weights_N in weights_KN:  # one after the other: another order of the sum ends in other last digits
        total_N += weights_N
    whole_KN = weights_KN / total_N * 2**22
    whole_KN = (whole_KN + np.where(whole_KN < 0, -0.5, 0.5)).astype(np.int32)
    inside_KN = np.minimum(places_KN, window.size - 1).astype(np.uint32)
    return _Taps(inside_KN, whole_KN, int(inside_KN.min()), int(inside_KN.max()) + 1)


def _filter(distances: Float64Array, interpolation: Interpolation) -> Float64Array:
    """The triangle, or Keys' cubic with a = -0.5."""
    x = np.abs(distances)
    if interpolation == "bilinear":
        return np.maximum(1.0 - x, 0.0)
    near = (1.5 * x - 2.5) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * -0.5
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


@kernel
def _blend_columns(
    pixels_HW: UInt32Array,
    top: int,
    places_KN: UInt32Array,
    weights_KR: Int32Array,
    gathered_GN: UInt32Array,
    bytes_GR: UInt8Image,
    sums_R: Int32Array,
    out_HR: UInt8Image,
) -> None:
    pixels_a, pixels_b, pixels_c = gathered_GN[0], gathered_GN[1], gathered_GN[2]
    a, b, c = bytes_GR[0], bytes_GR[1], bytes_GR[2]
    for y in range(out_HR.shape[0]):
        row = pixels_HW[top + y]
        out = out_HR[y]
        sums_R[:] = np.int32(1 << 21)
        for k in range(0, places_KN.shape[0], 3):
            places_a, places_b, places_c = places_KN[k], places_KN[k + 1], places_KN[k + 2]
            for x in range(places_a.size):
                pixels_a[x] = row[places_a[x]]
                pixels_b[x] = row[places_b[x]]
                pixels_c[x] = row[places_c[x]]
            u, v, w = weights_KR[k], weights_KR[k + 1], weights_KR[k + 2]
            for i in range(sums_R.size):
                sums_R[i] += np.int32(np.int32(a[i]) * u[i] + np.int32(b[i]) * v[i] + np.int32(c[i]) * w[i])
        for i in range(sums_R.size):
            out[i] = np.uint8(min(max(sums_R[i] >> np.int32(22), np.int32(0)), np.int32(255)))


@kernel
def _blend_rows(
    rows_HR: UInt8Image,
    left: int,
    places_KN: UInt32Array,
    weights_KN: Int32Array,
    sums_R: Int32Array,
    out_HR: UInt8Image,
) -> None:
    for y in range(out_HR.shape[0]):
        out = out_HR[y]
        sums_R[:] = np.int32(1 << 21)
        for k in range(0, places_KN.shape[0], 3):
            a, b, c = (rows_HR[places_KN[k, y]], rows_HR[places_KN[k + 1, y]], rows_HR[places_KN[k + 2, y]])
            a, b, c = a[left:], b[left:], c[left:]
            u, v, w = weights_KN[k, y], weights_KN[k + 1, y], weights_KN[k + 2, y]
            for i in range(sums_R.size):
                sums_R[i] += np.int32(np.int32(a[i]) * u + np.int32(b[i]) * v + np.int32(c[i]) * w)
        for i in range(sums_R.size):
            out[i] = np.uint8(min(max(sums_R[i] >> np.int32(22), np.int32(0)), np.int32(255)))


@kernel
def _drop_fourth(window_HR: UInt8Image, window_Hr: UInt8Image) -> None:
    for y in range(window_HR.shape[0]):
        row = window_HR[y]
        out = window_Hr[y]
        for x in range(row.size // 4):
            out[3 * x] = row[4 * x]
            out[3 * x + 1] = row[4 * x + 1]
            out[3 * x + 2] = row[4 * x + 2]
