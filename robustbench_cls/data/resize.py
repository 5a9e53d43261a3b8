"""Resize an image and cut a window, with Pillow's pixels in about a fifth of its time.

This follows Pillow: it weighs columns first and then rows, rounds to whole levels after each, and counts weights in
2^-22. From Pillow 13 on, rows come first for images that lose much more height than width. Only the window is
computed, and only the pixels that the window depends on are read.

Columns are gathered one pixel at a time, as four bytes; the fourth belongs to the neighbour. So the rest is vector
code over bytes. The fourth byte is dropped at the end.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np
import PIL

from robustbench_cls.core.arrays import Float64Array, Int32Array, UInt8Image, UInt32Array
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.scratch import scratch

Interpolation: TypeAlias = Literal["bilinear", "bicubic"]

SUPPORT: dict[Interpolation, int] = {"bilinear": 1, "bicubic": 2}
"""How far the filter reaches, in pixels of the smaller image."""

GROUP = 3
"""Taps that a kernel adds at once: as many as it takes to resize a photo from 500 to 256 px."""

SPARE = 3 * GROUP
"""Bytes behind the last pixel that kernels may read. Their weight is zero, or they are dropped."""

KEPT = 1024
"""Windows whose weights are kept, each some 10 kB: random crops of photos have about as many widths and heights."""

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
    """The K original pixels that each of a window's N pixels is made of, and their weights in 2^-22."""

    starts_N: UInt32Array
    weights_KN: Int32Array
    first: int
    last: int


@dataclass(frozen=True)
class Pixels:
    """uint8 RGB pixels, row by row, in memory with `SPARE` bytes more than they need."""

    height: int
    width: int
    memory_S: UInt8Image

    @property
    def image(self) -> UInt8Image:
        """The pixels as an image, HW3."""
        return self.memory_S[:-SPARE].reshape(self.height, self.width, 3)

    @property
    def words(self) -> UInt32Array:
        """Each pixel together with the byte behind it as one number, HW. Addresses are no multiples of four."""
        words_HW: UInt32Array = np.ndarray((self.height, self.width), np.uint32, self.memory_S, 0, (3 * self.width, 3))
        return words_HW


def working_pixels(owner: str, height: int, width: int) -> Pixels:
    """Pixels with any content, in the thread's working memory until it asks again under the same `owner`."""
    return Pixels(height, width, scratch(owner, (3 * height * width + SPARE,), np.uint8))


def resized_window(
    pixels: Pixels,
    rows: Window,
    columns: Window,
    interpolation: Interpolation,
    *,
    corner: tuple[int, int] = (0, 0),
    mirrored: bool = False,
    out_HW3: UInt8Image | None = None,
) -> UInt8Image:
    """The pixels that Pillow's `resize` gives inside a window.

    Args:
        pixels: the image; not modified.
        rows: the window's rows; their `size` is the height.
        columns: its columns; their `size` is the width.
        interpolation: the filter, stretched where the image shrinks.
        corner: row and column of the pixels at which the image begins that is resized: as if it had been cut out.
        mirrored: left and right change places in the result.
        out_HW3: contiguous memory for the result.

    Returns:
        uint8 HW3: `out_HW3`, or a fresh array.

    Source: the algorithm of Pillow's `Resample.c`.
    """
    top, left = corner
    down, across = _taps(rows, interpolation), _taps(columns, interpolation)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    window_HR: UInt8Image = scratch("resized", (height, 4 * width), np.uint8)
    window_HW3 = np.empty((height, width, 3), np.uint8) if out_HW3 is None else out_HW3
    window_Hr = window_HW3.reshape(height, -1)
    gathered_GN: UInt32Array = scratch("gathered pixels", (GROUP, width), np.uint32)
    bytes_GR = gathered_GN.view(np.uint8)
    weights_KR: Int32Array = scratch("repeated weights", (across.weights_KN.shape[0], 4 * width), np.int32)
    if _rows_first(rows, columns):
        low = working_pixels("half resized", height, across.last - across.first)
        low_HR = low.image.reshape(height, -1)
        rows_HR = pixels.image.reshape(pixels.height, -1)
        sums_R: Int32Array = scratch("weighted sums", (low_HR.shape[1],), np.int32)
        _blend_rows(rows_HR, 3 * (left + across.first), top, down.starts_N, down.weights_KN, sums_R, low_HR)
        sums_R = scratch("weighted sums", (4 * width,), np.int32)
        given = across.starts_N, across.weights_KN, gathered_GN, bytes_GR, weights_KR, sums_R
        _blend_columns(low.words, 0, -across.first, *given, window_HR)
        _drop_fourth(window_HR, mirrored, window_Hr)
    else:
        narrow_HR: UInt8Image = scratch("half resized", (down.last - down.first, 4 * width), np.uint8)
        sums_R = scratch("weighted sums", (4 * width,), np.int32)
        given = across.starts_N, across.weights_KN, gathered_GN, bytes_GR, weights_KR, sums_R
        taps = down.first, down.starts_N, down.weights_KN
        _columns_first(pixels.words, top, left, *given, narrow_HR, *taps, window_HR, mirrored, window_Hr)
    return window_HW3


def _rows_first(rows: Window, columns: Window) -> bool:
    lost_rows = rows.size - rows.resized
    return CHOOSES_ORDER and lost_rows > max(2 * (columns.size - columns.resized), 0)


@lru_cache(maxsize=KEPT)
def _taps(window: Window, interpolation: Interpolation) -> _Taps:
    scale = window.size / window.resized
    stretch = max(scale, 1.0)
    reach = SUPPORT[interpolation] * stretch
    centres_N = (np.arange(window.start, window.stop) + 0.5) * scale
    firsts_N = np.maximum((centres_N - reach + 0.5).astype(np.int64), 0)
    ends_N = np.minimum((centres_N + reach + 0.5).astype(np.int64), window.size)
    count = -(-int((ends_N - firsts_N).max()) // GROUP) * GROUP
    starts_N = np.minimum(firsts_N, max(window.size - count, 0))
    places_KN = starts_N + np.arange(count)[:, None]
    weights_KN = _filter((places_KN - centres_N + 0.5) * (1.0 / stretch), interpolation)
    weights_KN[(places_KN < firsts_N) | (places_KN >= ends_N)] = 0.0
    total_N = np.zeros(firsts_N.size)
    for weights_N in weights_KN:  # one after the other, because another order of the sum changes the last digits
        total_N += weights_N
    whole_KN = weights_KN / total_N * 2**22
    rounded_KN: Int32Array = (whole_KN + np.where(whole_KN < 0, -0.5, 0.5)).astype(np.int32)
    last = min(int(starts_N[-1]) + count, window.size)
    return _Taps(starts_N.astype(np.uint32), rounded_KN, int(starts_N[0]), last)


def _filter(distances: Float64Array, interpolation: Interpolation) -> Float64Array:
    """The filter's value at these distances: the triangle, or Keys' cubic with a = -0.5."""
    x = np.abs(distances)
    if interpolation == "bilinear":
        return np.maximum(1.0 - x, 0.0)
    near = (1.5 * x - 2.5) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * -0.5
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


@kernel
def _columns_first(
    pixels_HW: UInt32Array,
    top: int,
    left: int,
    starts_N: UInt32Array,
    weights_KN: Int32Array,
    gathered_GN: UInt32Array,
    bytes_GR: UInt8Image,
    weights_KR: Int32Array,
    sums_R: Int32Array,
    narrow_HR: UInt8Image,
    first: int,
    row_starts_M: UInt32Array,
    row_weights_KM: Int32Array,
    window_HR: UInt8Image,
    mirrored: bool,
    window_Hr: UInt8Image,
) -> None:
    """The whole way in one call: for a small image, calls from Python take longer than what they compute."""
    _blend_columns(
        pixels_HW, top + first, left, starts_N, weights_KN, gathered_GN, bytes_GR, weights_KR, sums_R, narrow_HR
    )
    _blend_rows(narrow_HR, 0, -first, row_starts_M, row_weights_KM, sums_R, window_HR)
    _drop_fourth(window_HR, mirrored, window_Hr)


@kernel
def _blend_columns(
    pixels_HW: UInt32Array,
    top: int,
    shift: int,
    starts_N: UInt32Array,
    weights_KN: Int32Array,
    gathered_GN: UInt32Array,
    bytes_GR: UInt8Image,
    weights_KR: Int32Array,
    sums_R: Int32Array,
    out_HR: UInt8Image,
) -> None:
    """Rows from `top` on; column 0 of the image that is resized is column `shift` of the pixels."""
    for k in range(weights_KN.shape[0]):
        for i in range(weights_KR.shape[1]):
            weights_KR[k, i] = weights_KN[k, i >> 2]
    pixels_a, pixels_b, pixels_c = gathered_GN[0], gathered_GN[1], gathered_GN[2]
    a, b, c = bytes_GR[0], bytes_GR[1], bytes_GR[2]
    for y in range(out_HR.shape[0]):
        row = pixels_HW[top + y]
        sums_R[:] = np.int32(1 << 21)
        for k in range(0, weights_KR.shape[0], 3):
            offset = np.uint32(shift + k)
            for x in range(starts_N.size):
                place = np.uint32(starts_N[x] + offset)  # unsigned: no test for places counted from the end
                pixels_a[x] = row[place]
                pixels_b[x] = row[place + np.uint32(1)]
                pixels_c[x] = row[place + np.uint32(2)]
            u, v, w = weights_KR[k], weights_KR[k + 1], weights_KR[k + 2]
            for i in range(sums_R.size):
                sums_R[i] += np.int32(np.int32(a[i]) * u[i] + np.int32(b[i]) * v[i] + np.int32(c[i]) * w[i])
        out = out_HR[y]
        for i in range(sums_R.size):
            out[i] = np.uint8(min(max(sums_R[i] >> np.int32(22), np.int32(0)), np.int32(255)))


@kernel
def _blend_rows(
    rows_HR: UInt8Image,
    left: int,
    shift: int,
    starts_N: UInt32Array,
    weights_KN: Int32Array,
    sums_R: Int32Array,
    out_HR: UInt8Image,
) -> None:
    """Values from `left` on; row 0 of the image that is resized is row `shift` of the pixels."""
    lowest = rows_HR.shape[0] - 1
    for y in range(out_HR.shape[0]):
        sums_R[:] = np.int32(1 << 21)
        for k in range(0, weights_KN.shape[0], 3):
            place = np.int64(starts_N[y]) + shift + k
            a = rows_HR[place][left:]
            b = rows_HR[min(place + 1, lowest)][left:]
            c = rows_HR[min(place + 2, lowest)][left:]
            u, v, w = weights_KN[k, y], weights_KN[k + 1, y], weights_KN[k + 2, y]
            for i in range(sums_R.size):
                sums_R[i] += np.int32(np.int32(a[i]) * u + np.int32(b[i]) * v + np.int32(c[i]) * w)
        out = out_HR[y]
        for i in range(sums_R.size):
            out[i] = np.uint8(min(max(sums_R[i] >> np.int32(22), np.int32(0)), np.int32(255)))


@kernel
def _drop_fourth(window_HR: UInt8Image, mirrored: bool, window_Hr: UInt8Image) -> None:
    last = window_HR.shape[1] // 4 - 1
    for y in range(window_HR.shape[0]):
        row = window_HR[y]
        out = window_Hr[y]
        if mirrored:
            for x in range(last + 1):
                out[3 * (last - x)] = row[4 * x]
                out[3 * (last - x) + 1] = row[4 * x + 1]
                out[3 * (last - x) + 2] = row[4 * x + 2]
        else:
            for x in range(last + 1):
                out[3 * x] = row[4 * x]
                out[3 * x + 1] = row[4 * x + 1]
                out[3 * x + 2] = row[4 * x + 2]
