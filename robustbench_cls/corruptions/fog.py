"""Fog: a cloudy veil of lower contrast.

Adds a plasma fractal (diamond-square on a torus), whose detail weakens from octave to octave, rescales so that white
stays in range, and rounds down. The side of the fractal is the next power of two from the longer side on: 256 at
224 px. The whole fractal spreads over 0..1, not only the part that the image shows.

The code that made the published files does the same at 224 px, in double precision.

Randomness: stream 0, a uniform16 for each point of the fractal but the first, as 2 (uniform16 + 0.5) / 65536 - 1. The
octave of n x n squares takes first their centres, then the points right of their upper left corners, then those below
these corners, each in the order of rows.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `fog` of hendrycks/robustness. Diamond-square: Fournier,
Fussell and Carpenter 1982, doi:10.1145/358523.358553.
"""

from collections.abc import Sequence
from functools import partial
from types import MappingProxyType

import numpy as np

from robustbench_cls.core.arrays import Float32Array, UInt8Image
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.keys import Key
from robustbench_cls.core.scratch import scratch
from robustbench_cls.corruptions.streams import uniforms

VEIL = ((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4))
"""By severity: the height of the fractal, where 1 is white, and the divisor from octave to octave of the root of its
amplitude.
"""

CIFAR = ((0.2, 3.0), (0.5, 3.0), (0.75, 2.5), (1.0, 2.0), (1.5, 1.75))
"""The same of CIFAR-10-C, from `make_cifar_c.py` of hendrycks/robustness."""


def apply(
    image_HW3: UInt8Image, severity: int, key: Key, constants: Sequence[tuple[float, float]] = VEIL
) -> UInt8Image:
    """See `Corruption.apply`."""
    side = fractal_side(image_HW3)
    return render(image_HW3, severity, uniforms(key, (side * side - 1,)), constants)


def render(
    image_HW3: UInt8Image, severity: int, uniform_N: Float32Array, constants: Sequence[tuple[float, float]] = VEIL
) -> UInt8Image:
    """The image under the fractal of these numbers of -1..1; there are `fractal_side` squared, less one."""
    (thickness, decay), side = constants[severity - 1], fractal_side(image_HW3)
    plasma, least, most = fractal(side, decay, uniform_N)
    white = int(image_HW3.max()) / 255
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
    """The side of the fractal: the least power of two that covers the image."""
    side: int = 1 << (max(image_HW3.shape) - 1).bit_length()
    return side


def fractal(side: int, decay: float, uniform_N: Float32Array) -> tuple[Float32Array, np.float32, np.float32]:
    """The fractal at any scale, with at least `side` rows and columns, and its smallest and largest value."""
    octaves = side.bit_length() - 1
    amplitudes_O = np.array([(100 / decay**octave) ** 2 for octave in range(octaves)], np.float32)
    fields = scratch("fog_fields", (5, side + 1, side + 1), np.float32)
    fields[0, :2, :2] = 0
    _octaves(uniform_N, amplitudes_O, *fields)
    plasma = fields[octaves % 2]
    bounds = np.stack([plasma[0], plasma[0]])
    _bounds(plasma, bounds)
    return plasma, bounds[0].min(), bounds[1].max()


# The torus is held with its first row and column once more behind its last, and squares' centres with their last
# row and column before their first, so that no loop needs a remainder.


@kernel
def _octaves(
    uniform_N: Float32Array,
    amplitudes_O: Float32Array,
    corners: Float32Array,
    finer: Float32Array,
    centres: Float32Array,
    right: Float32Array,
    below: Float32Array,
) -> None:
    """Refine a fractal of 1 x 1 squares in `corners` to 2^O x 2^O, in `corners` if O is even, else in `finer`."""
    count, start = np.int64(1), np.int64(0)  # numba compiles a kernel again for each number written out
    even, odd = np.int64(0), np.int64(1)
    for octave in range(amplitudes_O.size):
        amplitude, field = amplitudes_O[octave], count * count
        _middle(corners, corners, np.int64(0b00_10_01_11), uniform_N[start:], count, amplitude, centres)
        for y in range(1, count + 1):
            centres[y, 0] = centres[y, count]
        for x in range(count + 1):
            centres[0, x] = centres[count, x]
        _middle(centres, corners, np.int64(0b11_01_00_01), uniform_N[start + field :], count, amplitude, right)
        _middle(centres, corners, np.int64(0b11_10_00_10), uniform_N[start + 2 * field :], count, amplitude, below)
        _weave(corners, even, right, count, finer, even)
        _weave(below, odd, centres, count, finer, odd)
        for x in range(2 * count + 1):
            finer[2 * count, x] = finer[0, x]
        corners, finer = finer, corners
        start, count = start + 3 * field, 2 * count


@kernel
def _middle(
    first: Float32Array,
    second: Float32Array,
    shifts: int,
    uniform_N: Float32Array,
    count: int,
    amplitude: np.float32,
    middles: Float32Array,
) -> None:
    """Compute means of four places, two of each field, plus noise, from row and column 1 on.

    The bits of `shifts` tell of each place, in pairs, whether it lies a row down, and whether a column to the right.
    """
    quarter = np.float32(0.25)
    for y in range(count):
        a, b = first[y + (shifts >> 7 & 1)][shifts >> 6 & 1 :], first[y + (shifts >> 5 & 1)][shifts >> 4 & 1 :]
        c, d = second[y + (shifts >> 3 & 1)][shifts >> 2 & 1 :], second[y + (shifts >> 1 & 1)][shifts & 1 :]
        uniform, middle = uniform_N[y * count :], middles[y + 1][1:]
        for x in range(count):
            middle[x] = ((a[x] + b[x]) + (c[x] + d[x])) * quarter + amplitude * uniform[x]


@kernel
def _weave(even: Float32Array, start: int, odd: Float32Array, count: int, finer: Float32Array, parity: int) -> None:
    """Fill rows of this parity with places of `even` (from row and column `start` on) and `odd` (from 1) in turn."""
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


CORRUPTION = Corruption(
    name="fog",
    group="weather",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    variants=MappingProxyType({"cifar": partial(apply, constants=CIFAR)}),
    digests=MappingProxyType({"published": "8077e2a580a7b1fd", "cifar": "dffbd4a781567d4b"}),
)
