"""Glass blur: seen through frosted glass.

Blurs and rounds down, then lets each pixel take the colour of a random pixel nearby, in one or more rounds, and blurs
and rounds down once more. A round works in place from the bottom right to the top left, so a colour may travel on. A
border of d px never changes. Offsets run from -d to d - 1, so the picture drifts by half a pixel in each round.

The code that made the published files does the same, at 224 px only; its line that reads like a swap of two pixels
copies one, too. Even areas keep their level here. There, at severity 4, a third of the levels drop by one or two.

Randomness: stream 0, a uniform16 u for each change in the order of rounds, rows and columns, both from the far end.
With n = 2 d: dx = (n u >> 16) - d, dy = (n (n u mod 65536) >> 16) - d; probabilities are exact to 65,536ths.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `glass_blur` of hendrycks/robustness.
"""

from collections.abc import Sequence
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from robustbench_cls.core.arrays import Int8Array, Int32Array, UInt8Image, UInt16Array, UInt32Array
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.keys import Key
from robustbench_cls.core.scratch import scratch
from robustbench_cls.corruptions.gaussian import blur
from robustbench_cls.corruptions.streams import uniform16


class Glass(NamedTuple):
    """The constants of one severity."""

    sigma: float
    """Standard deviation of both blurs, in pixels."""
    reach: int
    """The largest offset d, in pixels."""
    rounds: int
    """How often each pixel changes."""


GLASS = (Glass(0.7, 1, 2), Glass(0.9, 2, 1), Glass(1, 2, 3), Glass(1.1, 3, 2), Glass(1.5, 4, 2))
CIFAR = (Glass(0.05, 1, 1), Glass(0.25, 1, 1), Glass(0.4, 1, 1), Glass(0.25, 1, 2), Glass(0.4, 1, 2))
"""The same of CIFAR-10-C, from `make_cifar_c.py` of hendrycks/robustness."""


def apply(image_HW3: UInt8Image, severity: int, key: Key, constants: Sequence[Glass] = GLASS) -> UInt8Image:
    """See `Corruption.apply`."""
    glass, (height, width) = constants[severity - 1], image_HW3.shape[:2]
    return render(image_HW3, severity, offsets(key, height, width, glass), constants)


def offsets(key: Key, height: int, width: int, glass: Glass) -> Int8Array:
    """The offsets that `render` takes, drawn from the key."""
    shape = (glass.rounds, height - 2 * glass.reach, width - 2 * glass.reach)
    offsets_2IRC = np.empty((2, *shape), np.int8)
    _scale(uniform16(key, shape, lasting=False).reshape(-1), np.uint32(glass.reach), offsets_2IRC.reshape(2, -1))
    return offsets_2IRC


def render(
    image_HW3: UInt8Image, severity: int, offsets_2IRC: Int8Array, constants: Sequence[Glass] = GLASS
) -> UInt8Image:
    """The image after these offsets: dx and dy of each round, row and column, from the bottom right corner on."""
    height, width, _ = image_HW3.shape
    sigma, reach, _ = constants[severity - 1]
    shuffled = blur(image_HW3, sigma)
    pixels_N = scratch("glass_pixels", (height * width,), np.uint32)
    _pack(shuffled.reshape(-1, 3), pixels_N)
    steps_IRC = scratch("glass_steps", offsets_2IRC.shape[1:], np.int32)
    _flatten(offsets_2IRC.reshape(2, -1), np.int32(width), steps_IRC.reshape(-1))
    _shuffle(steps_IRC, reach, width, pixels_N)
    _unpack(pixels_N, shuffled.reshape(-1, 3))
    return blur(shuffled, sigma)


@kernel
def _scale(uniform_N: UInt16Array, reach: np.uint32, offsets_2N: Int8Array) -> None:
    dx_N, dy_N = offsets_2N[0], offsets_2N[1]
    for i in range(uniform_N.size):
        scaled = np.uint32(uniform_N[i]) * np.uint32(2 * reach)
        again = np.uint32(scaled & np.uint32(65535)) * np.uint32(2 * reach)
        dx_N[i] = np.int8(np.uint32(scaled >> np.uint32(16)) - reach)
        dy_N[i] = np.int8(np.uint32(again >> np.uint32(16)) - reach)


@kernel
def _flatten(offsets_2N: Int8Array, width: np.int32, steps_N: Int32Array) -> None:
    dx_N, dy_N = offsets_2N[0], offsets_2N[1]
    for i in range(steps_N.size):
        steps_N[i] = np.int32(dx_N[i]) + np.int32(np.int32(dy_N[i]) * width)


@kernel
def _shuffle(steps_IRC: Int32Array, reach: int, width: int, pixels_N: UInt32Array) -> None:
    rounds, rows, columns = steps_IRC.shape
    for i in range(rounds):
        for r in range(rows):
            place = (rows + reach - r) * width + columns + reach
            steps_C = steps_IRC[i, r]
            for c in range(columns):
                pixels_N[place - c] = pixels_N[place - c + steps_C[c]]


@kernel
def _pack(levels_N3: UInt8Image, pixels_N: UInt32Array) -> None:
    for i in range(pixels_N.size):
        red, green, blue = np.uint32(levels_N3[i, 0]), np.uint32(levels_N3[i, 1]), np.uint32(levels_N3[i, 2])
        pixels_N[i] = red | green << np.uint32(8) | blue << np.uint32(16)


@kernel
def _unpack(pixels_N: UInt32Array, levels_N3: UInt8Image) -> None:
    for i in range(pixels_N.size):
        levels_N3[i, 0] = np.uint8(pixels_N[i])
        levels_N3[i, 1] = np.uint8(pixels_N[i] >> np.uint32(8))
        levels_N3[i, 2] = np.uint8(pixels_N[i] >> np.uint32(16))


CORRUPTION = Corruption(
    name="glass_blur",
    group="blur",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    variants=MappingProxyType({"cifar": partial(apply, constants=CIFAR)}),
    digests=MappingProxyType({"published": "09709cd30ec0ea85", "cifar": "ba7c49acbf95fcd6"}),
)
