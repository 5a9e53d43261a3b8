"""Spatter: drops of water, or of mud, on the lens.

Where smoothed normal noise passes a threshold there is liquid. At severities 1 to 3 it is water: pale turquoise,
shaded by the distance from the drops' edges (Canny) after an emboss filter, and scaled to its strongest value. At 4
and 5 it is mud, opaque and brown, with smoothed outlines. Results are rounded down.

The code that made the published files does the same. With ImageNet-C's constants, 2 in 100 images of 32 px get no drop
at all at severity 1. There that code divides by zero and gives a black image; this module gives the image as it is.

Randomness: stream 0, a normal for each pixel in the order HW.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `spatter` of hendrycks/robustness. The filters of water
give the integers that OpenCV's do; edges and distances have files of their own.
"""

from collections.abc import Sequence
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from robustbench_cls.core.arrays import Float32Array, Float64Array, Int32Array, UInt8Image
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions.distance import FARTHEST, STEP, distance_to
from robustbench_cls.corruptions.edges import find_edges
from robustbench_cls.corruptions.gaussian import smooth
from robustbench_cls.corruptions.streams import normals


class Spatter(NamedTuple):
    """The constants of one severity."""

    mean: float
    """Mean of the noise."""
    deviation: float
    """Standard deviation of the noise."""
    sigma: float
    """Standard deviation in pixels of the Gaussian that smooths the noise."""
    threshold: float
    """There is liquid where the smoothed noise passes this."""
    strength: float
    """Of water, the opacity where it is strongest; of mud, the deviation in pixels that smooths its outlines."""
    mud: bool = False


SPATTER = (
    Spatter(0.65, 0.3, 4.0, 0.69, 0.6),
    Spatter(0.65, 0.3, 3.0, 0.68, 0.6),
    Spatter(0.65, 0.3, 2.0, 0.68, 0.5),
    Spatter(0.65, 0.3, 1.0, 0.65, 1.5, mud=True),
    Spatter(0.67, 0.4, 1.0, 0.65, 1.5, mud=True),
)
CIFAR = (
    Spatter(0.62, 0.1, 0.7, 0.7, 0.5),
    Spatter(0.65, 0.1, 0.8, 0.7, 0.5),
    Spatter(0.65, 0.3, 1.0, 0.69, 0.5),
    Spatter(0.65, 0.1, 0.7, 0.69, 0.6, mud=True),
    Spatter(0.65, 0.1, 0.5, 0.68, 0.6, mud=True),
)
"""The same of CIFAR-10-C, from `make_cifar_c.py` of hendrycks/robustness."""

MUD_THRESHOLD = 0.8
"""The least opacity at which mud is seen."""

TURQUOISE = (175, 238, 238)
BROWN = (63, 42, 20)


def apply(image_HW3: UInt8Image, severity: int, key: Key, constants: Sequence[Spatter] = SPATTER) -> UInt8Image:
    """See `Corruption.apply`."""
    return render(image_HW3, severity, normals(key, image_HW3.shape[:2]), constants)


def render(
    image_HW3: UInt8Image, severity: int, normal_HW: Float32Array, constants: Sequence[Spatter] = SPATTER
) -> UInt8Image:
    """The image under the drops of this field of standard normal numbers, or a copy of it where no drop falls."""
    spatter = constants[severity - 1]
    noise_HW = smooth(normal_HW[..., None], spatter.sigma)[..., 0]
    _rescale(noise_HW.reshape(-1), np.float32(spatter.mean), np.float32(spatter.deviation))
    if spatter.mud:
        return _under_mud(image_HW3, noise_HW, np.float32(spatter.threshold), spatter.strength)
    return _under_water(image_HW3, noise_HW, np.float32(spatter.threshold), np.float32(spatter.strength))


def shading(depth_HW: Int32Array) -> Int32Array:
    """The brightness, 0..255, of water with this depth, 0..255, at each place."""
    height, width = depth_HW.shape
    softened_HW = _box(distance_to(find_edges(depth_HW))) // np.int32(9 * STEP)
    equal = np.empty((height + 2, width + 2), np.int32)
    _look_up(softened_HW, _equalising(softened_HW), equal)
    embossed = np.empty_like(equal)
    _emboss(equal, embossed)
    shading_HW: Int32Array = (_box(embossed) + np.int32(4)) // np.int32(9)
    return shading_HW


def _under_water(
    image_HW3: UInt8Image, noise_HW: Float32Array, threshold: np.float32, opacity: np.float32
) -> UInt8Image:
    depth_HW = np.empty(noise_HW.shape, np.int32)
    _depth(noise_HW.reshape(-1), threshold, depth_HW.reshape(-1))
    water_HW = shading(depth_HW) * depth_HW
    most = np.float32(water_HW.max())
    if most == 0:
        return np.array(image_HW3)
    wet_HW3 = np.empty_like(image_HW3)
    colour_3 = np.array(TURQUOISE, np.float32) / np.float32(255)
    _add_water(_flat(image_HW3), water_HW, most, opacity, colour_3, _flat(wet_HW3))
    return wet_HW3


def _under_mud(image_HW3: UInt8Image, noise_HW: Float32Array, threshold: np.float32, sigma: float) -> UInt8Image:
    mud_HW = np.empty_like(noise_HW)
    _cover(noise_HW.reshape(-1), threshold, mud_HW.reshape(-1))
    mud_HW = smooth(mud_HW[..., None], sigma)[..., 0]
    muddy_HW3 = np.empty_like(image_HW3)
    _add_mud(_flat(image_HW3), mud_HW, np.float32(MUD_THRESHOLD), np.array(BROWN) / 255, _flat(muddy_HW3))
    return muddy_HW3


def _flat(image_HW3: UInt8Image) -> UInt8Image:
    return image_HW3.reshape(image_HW3.shape[0], -1)


def _box(padded: Int32Array) -> Int32Array:
    """Sums of 3 x 3 places. The margin of one place is overwritten."""
    sums_HW = np.empty((padded.shape[0] - 2, padded.shape[1] - 2), np.int32)
    _mirror(padded)
    _sum(padded, sums_HW)
    return sums_HW


def _equalising(levels_HW: Int32Array) -> Int32Array:
    """The new level of each level up to FARTHEST, so that 0..255 is used evenly and the lowest one becomes 0."""
    counts = np.zeros((4, FARTHEST + 1), np.int32)
    _count(levels_HW.reshape(-1), counts)
    cumulative = np.cumsum(counts.sum(axis=0))
    lowest, total = int(cumulative[cumulative > 0][0]), int(cumulative[-1])
    if lowest == total:
        return np.arange(FARTHEST + 1, dtype=np.int32)
    scale = np.float32(255) / np.float32(total - lowest)
    table: Int32Array = np.rint(np.maximum(cumulative - lowest, 0).astype(np.float32) * scale).astype(np.int32)
    return table


@kernel
def _rescale(noise_N: Float32Array, mean: np.float32, deviation: np.float32) -> None:
    for i in range(noise_N.size):
        noise_N[i] = noise_N[i] * deviation + mean


@kernel
def _depth(noise_N: Float32Array, threshold: np.float32, depth_N: Int32Array) -> None:
    for i in range(noise_N.size):
        level = np.int32(noise_N[i] * np.float32(255)) & np.int32(255)  # as 8 bits hold it: white is exceeded rarely
        depth_N[i] = level if noise_N[i] >= threshold else np.int32(0)


@kernel
def _cover(noise_N: Float32Array, threshold: np.float32, mud_N: Float32Array) -> None:
    for i in range(noise_N.size):
        mud_N[i] = np.float32(1) if noise_N[i] > threshold else np.float32(0)


@kernel
def _mirror(padded: Int32Array) -> None:
    """Fill the margin with the values that mirror it across the outermost place."""
    rows, columns = padded.shape
    for y in range(1, rows - 1):
        padded[y, 0] = padded[y, 2]
        padded[y, columns - 1] = padded[y, columns - 3]
    for x in range(columns):
        padded[0, x] = padded[2, x]
        padded[rows - 1, x] = padded[rows - 3, x]


@kernel
def _sum(padded: Int32Array, sums_HW: Int32Array) -> None:
    column = np.empty(padded.shape[1], np.int32)
    for y in range(sums_HW.shape[0]):
        above, here, below, sums = padded[y], padded[y + 1], padded[y + 2], sums_HW[y]
        for x in range(column.size):
            column[x] = above[x] + here[x] + below[x]
        for x in range(sums.size):
            sums[x] = column[x] + column[x + 1] + column[x + 2]


@kernel
def _count(levels_N: Int32Array, counts_4L: Int32Array) -> None:
    for i in range(levels_N.size):  # four tables, because an increment waits for the one before it at the same place
        counts_4L[i & 3, levels_N[i]] += np.int32(1)


@kernel
def _look_up(levels_HW: Int32Array, table: Int32Array, padded: Int32Array) -> None:
    for y in range(levels_HW.shape[0]):
        levels, row = levels_HW[y], padded[y + 1, 1:]
        for x in range(levels.size):
            row[x] = table[levels[x]]


@kernel
def _emboss(padded: Int32Array, embossed: Int32Array) -> None:
    """Emboss: light falls from below on the right, 0..255. Both fields have a margin of one place."""
    _mirror(padded)
    two = np.int32(2)
    for y in range(1, padded.shape[0] - 1):
        above, here, below, lit = padded[y - 1], padded[y], padded[y + 1], embossed[y, 1:]
        for x in range(padded.shape[1] - 2):
            light = (
                (here[x + 1] + here[x + 2] - here[x]) + (below[x + 1] - above[x + 1]) + two * (below[x + 2] - above[x])
            )
            lit[x] = min(max(light, np.int32(0)), np.int32(255))


@kernel
def _add_water(
    values_HN: UInt8Image,
    water_HW: Int32Array,
    most: np.float32,
    opacity: np.float32,
    colour_3: Float32Array,
    wet_HN: UInt8Image,
) -> None:
    white = np.float32(255)
    width = water_HW.shape[1]
    share_W, layer_N = np.empty(width, np.float32), np.empty(3 * width, np.float32)
    red, green, blue = colour_3
    for y in range(values_HN.shape[0]):
        values, water, wet = values_HN[y], water_HW[y], wet_HN[y]
        for x in range(width):
            share_W[x] = np.float32(water[x]) / most * opacity
        for x in range(width):
            layer_N[3 * x] = share_W[x] * red
            layer_N[3 * x + 1] = share_W[x] * green
            layer_N[3 * x + 2] = share_W[x] * blue
        for i in range(layer_N.size):
            wet[i] = np.uint8(np.int32(min(np.float32(values[i]) / white + layer_N[i], np.float32(1)) * white))


@kernel
def _add_mud(
    values_HN: UInt8Image,
    mud_HW: Float32Array,
    threshold: np.float32,
    colour_3: Float64Array,
    muddy_HN: UInt8Image,
) -> None:
    one, white = np.float32(1), np.float32(255)
    width = mud_HW.shape[1]
    share_W = np.empty(width, np.float32)
    clear_N, layer_N = np.empty(3 * width, np.float32), np.empty(3 * width, np.float64)
    for y in range(values_HN.shape[0]):
        values, mud, muddy = values_HN[y], mud_HW[y], muddy_HN[y]
        for x in range(width):
            share_W[x] = mud[x] if mud[x] >= threshold else np.float32(0)
        for x in range(width):
            if share_W[x] > np.float32(1 - 1e-6):  # inside the mud, where the weights of the smoothing nearly sum to 1
                share_W[x] = one
        for x in range(width):
            for c in range(3):
                clear_N[3 * x + c] = one - share_W[x]
                layer_N[3 * x + c] = np.float64(share_W[x]) * colour_3[c]
        for i in range(clear_N.size):
            under = np.float32(values[i]) / white * clear_N[i]
            muddy[i] = np.uint8(np.int32((np.float64(under) + layer_N[i]) * 255.0))


CORRUPTION = Corruption(
    name="spatter",
    group="extra",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    counted=False,
    variants=MappingProxyType({"cifar": partial(apply, constants=CIFAR)}),
    digests=MappingProxyType({"published": "87bcceaeb7424699", "cifar": "c058350c454a68ba"}),
)
