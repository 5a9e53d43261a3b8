"""Fog: a cloudy veil of lower contrast.

Adds a plasma fractal (diamond-square on a torus), whose detail weakens from octave to octave, rescales so that white
stays in range, and rounds down. The fractal is as wide as the next power of two of the longer side, 256 at 224 px,
and spreads over 0..1 as a whole, not in the part that the image shows.

The code that made the published files does the same at 224 px, in double precision.

Randomness: stream 0, a uniform16 for each point of the fractal but the first, as 2 (uniform16 + 0.5) / 65536 - 1. The
octave of n x n squares takes first their centres, then the points right of their upper left corners, then those below
these corners, each in the order of rows.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `fog` of hendrycks/robustness. Diamond-square: Fournier,
Fussell and Carpenter 1982, doi:10.1145/358523.358553.
"""

import numpy as np

from robustbench_cls.core.corruption import Corruption, UInt8Image
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions.kernel import Float32Array, kernel
from robustbench_cls.corruptions.streams import uniforms

THICKNESS = (1.5, 2.0, 2.5, 2.5, 3.0)
"""Height of the fractal by severity, where 1 is white."""

DECAY = (2.0, 2.0, 1.7, 1.5, 1.4)
"""Divisor from octave to octave of the root of the fractal's amplitude, by severity."""


def apply(image_HW3: UInt8Image, severity: int, key: Key) -> UInt8Image:
    """See `Corruption.apply`."""
    side = fractal_side(image_HW3)
    return render(image_HW3, severity, uniforms(key, (side * side - 1,)))


def render(image_HW3: UInt8Image, severity: int, uniform_N: Float32Array) -> UInt8Image:
    """The image under the fractal of these numbers of -1..1, `fractal_side` squared less one of them."""
    side = fractal_side(image_HW3)
    plasma, least, most = fractal(side, DECAY[severity - 1], uniform_N)
    white, thickness = int(image_HW3.max()) / 255, THICKNESS[severity - 1]
    contrast = white / (white + thickness)
    height, width, _ = image_HW3.shape
    foggy = np.empty_like(image_HW3)
    _add(
        image_HW3.reshape(height, width * 3),
        plasma,
        np.float32(contrast),
        least,
        np.float32(255 * thickness * contrast / (float(most) - float(least))),
        np.empty((2, width * 3), np.float32),
        foggy.reshape(height, width * 3),
    )
    return foggy


def fractal_side(image_HW3: UInt8Image) -> int:
    """The power of two that covers the image."""
    side: int = 1 << (max(image_HW3.shape) - 1).bit_length()
    return side


def fractal(side: int, decay: float, uniform_N: Float32Array) -> tuple[Float32Array, np.float32, np.float32]:
    """The fractal, at least `side` rows and columns of any scale, with its smallest and its largest value."""
    corners = np.zeros((2, 2), np.float32)
    count, start, wibble = 1, 0, 100.0
    while count < side:
        uniform_3nn = uniform_N[start : start + 3 * count * count].reshape(3, count, count)
        amplitude = np.float32(wibble * wibble)
        centres, right, below = (np.empty((count + 1, count + 1), np.float32) for _ in range(3))
        _middle(corners, corners, 0b00_10_01_11, uniform_3nn[0], amplitude, centres)
        centres[1:, 0] = centres[1:, count]
        centres[0] = centres[count]
        _middle(centres, corners, 0b11_01_00_01, uniform_3nn[1], amplitude, right)
        _middle(centres, corners, 0b11_10_00_10, uniform_3nn[2], amplitude, below)
        finer = np.empty((2 * count + 1, 2 * count + 1), np.float32)
        _weave(corners, 0, right, finer, 0)
        _weave(below, 1, centres, finer, 1)
        finer[2 * count] = finer[0]
        corners, start, count, wibble = finer, start + uniform_3nn.size, 2 * count, wibble / decay
    bounds = np.stack([corners[0], corners[0]])
    _bounds(corners, bounds)
    return corners, bounds[0].min(), bounds[1].max()


# The torus is held with its first row and column once more behind its last, and squares' centres with their last
# row and column before their first, so that no loop needs a remainder.


@kernel
def _middle(
    first: Float32Array,
    second: Float32Array,
    shifts: int,
    uniform_nn: Float32Array,
    amplitude: np.float32,
    middles: Float32Array,
) -> None:
    """Means of four places, two of each field, plus noise, from the row and column 1 on.

    The bits of `shifts` tell of each place, in pairs, whether it lies a row down, and whether a column to the right.
    """
    quarter = np.float32(0.25)
    count = uniform_nn.shape[0]
    for y in range(count):
        a, b = first[y + (shifts >> 7 & 1)][shifts >> 6 & 1 :], first[y + (shifts >> 5 & 1)][shifts >> 4 & 1 :]
        c, d = second[y + (shifts >> 3 & 1)][shifts >> 2 & 1 :], second[y + (shifts >> 1 & 1)][shifts & 1 :]
        uniform, middle = uniform_nn[y], middles[y + 1][1:]
        for x in range(count):
            middle[x] = ((a[x] + b[x]) + (c[x] + d[x])) * quarter + amplitude * uniform[x]


@kernel
def _weave(even: Float32Array, start: int, odd: Float32Array, finer: Float32Array, parity: int) -> None:
    """Rows of this parity, in turn a place of `even`, from the row and column `start` on, and one of `odd`, from 1."""
    count = odd.shape[0] - 1
    for y in range(count):
        left, right, row = even[y + start][start:], odd[y + 1][1:], finer[2 * y + parity]
        for x in range(count):
            row[2 * x] = left[x]
            row[2 * x + 1] = right[x]
        row[2 * count] = row[0]


@kernel
def _bounds(plasma: Float32Array, bounds_2W: Float32Array) -> None:
    least, most = bounds_2W[0], bounds_2W[1]
    for y in range(plasma.shape[0]):
        row = plasma[y]
        for x in range(row.size):
            least[x] = min(least[x], row[x])
        for x in range(row.size):
            most[x] = max(most[x], row[x])


@kernel
def _add(
    values_HN: UInt8Image,
    plasma: Float32Array,
    contrast: np.float32,
    least: np.float32,
    scale: np.float32,
    veil_2N: Float32Array,
    foggy_HN: UInt8Image,
) -> None:
    width = values_HN.shape[1] // 3
    pixels, veil = veil_2N[0], veil_2N[1]
    for y in range(values_HN.shape[0]):
        row, values, foggy = plasma[y], values_HN[y], foggy_HN[y]
        for x in range(width):
            pixels[x] = (row[x] - least) * scale
        for x in range(width):
            veil[3 * x] = pixels[x]
            veil[3 * x + 1] = pixels[x]
            veil[3 * x + 2] = pixels[x]
        for x in range(width * 3):
            foggy[x] = np.uint8(np.int32(np.float32(values[x]) * contrast + veil[x]))


CORRUPTION = Corruption(name="fog", group="weather", source="https://arxiv.org/abs/1903.12261", apply=apply)
