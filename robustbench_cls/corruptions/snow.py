"""Snow: streaks of flakes before a whitened scene.

Draws normal noise of mean 0.1, 0.2, 0.55, 0.55, 0.55 and deviation 0.3, enlarges its centre by 3, 2, 4, 4.5, 2.5,
drops what is under 0.5, 0.5, 0.9, 0.85, 0.85, blurs it along a random angle in -135..-45 degrees (Gaussian of 4, 4,
8, 8, 12 px; radius 10, 12, 12, 12, 12 px), and adds the layer and its half turn to the image, of which a share of
0.2, 0.3, 0.3, 0.35, 0.45 is whitened (severity 1..5).

The code that made the published files cuts the enlarged layer to its centre, rounds it down and blurs it with
ImageMagick. The package blurs what it enlarged, in floats, rounds it to the nearest level, and cuts it on the right
and at the bottom: up to 2 levels apart inside, up to 81 at borders. At sizes other than 224 px, where the published
code is not defined, each axis is enlarged and cut alone.

Randomness: the angle, number 0 of stream 0 times 90, less 135; stream 1, a normal for each value of the centre that
is enlarged, in the order HW.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `snow` of hendrycks/robustness. The enlargement is linear and
maps corners to corners, as `scipy.ndimage.zoom` of order 1.
"""

from collections.abc import Sequence
from functools import lru_cache, partial
from math import ceil
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from robustbench_cls.core.arrays import Float32Array, Int64Array, UInt8Image
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions.motion import AS_IMAGEMAGICK, NEAREST, blur, taps, taps_of_package
from robustbench_cls.corruptions.streams import fraction, normals


class Snow(NamedTuple):
    """The constants of one severity."""

    mean: float
    """Mean of the noise; 1 is white."""
    deviation: float
    """Standard deviation of the noise."""
    enlargement: float
    """Factor by which the noise is enlarged: it sets the size of the flakes."""
    threshold: float
    """Values under this are no flake."""
    radius: int
    """Half the number of taps of the blur, px."""
    sigma: float
    """Standard deviation of the blur, px."""
    kept: float
    """Share of the image that is not whitened."""


SNOW = (
    Snow(0.1, 0.3, 3, 0.5, 10, 4, 0.8),
    Snow(0.2, 0.3, 2, 0.5, 12, 4, 0.7),
    Snow(0.55, 0.3, 4, 0.9, 12, 8, 0.7),
    Snow(0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
    Snow(0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
)
CIFAR = (
    Snow(0.1, 0.2, 1, 0.6, 8, 3, 0.95),
    Snow(0.1, 0.2, 1, 0.5, 10, 4, 0.9),
    Snow(0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
    Snow(0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
    Snow(0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
)
"""The same of CIFAR-10-C, from `make_cifar_c.py` of hendrycks/robustness."""


def apply(image_HW3: UInt8Image, severity: int, key: Key, constants: Sequence[Snow] = SNOW) -> UInt8Image:
    """See `Corruption.apply`."""
    return render(image_HW3, severity, *draw(image_HW3, constants[severity - 1], key), constants)


def apply_package(image_HW3: UInt8Image, severity: int, key: Key) -> UInt8Image:
    """The package's: see `Corruption.apply`."""
    return render_package(image_HW3, severity, *draw(image_HW3, SNOW[severity - 1], key))


def draw(image_HW3: UInt8Image, snow: Snow, key: Key) -> tuple[Float32Array, float]:
    """Draw the normal field and the angle that `render` takes."""
    rows, columns = (centre(size, snow) for size in image_HW3.shape[:2])
    field_HW = normals(key, (rows.stop - rows.start, columns.stop - columns.start), stream=1)
    return field_HW, fraction(key, 0) * 90 - 135


def centre(size: int, snow: Snow) -> slice:
    """The part of an axis of the noise that is enlarged."""
    used = ceil(size / snow.enlargement)
    start = (size - used) // 2
    return slice(start, start + used)


def render(
    image_HW3: UInt8Image, severity: int, normal_HW: Float32Array, degrees: float, constants: Sequence[Snow] = SNOW
) -> UInt8Image:
    """The image under snow: standard normal numbers of the `centre` make the flakes, and the angle is their fall."""
    (height, width), snow = image_HW3.shape[:2], constants[severity - 1]
    flakes_HW = _flakes(normal_HW, snow)
    top, left = (flakes_HW.shape[0] - height) // 2, (flakes_HW.shape[1] - width) // 2
    layer_HW = flakes_HW[top : top + height, left : left + width].astype(np.uint8)
    along = taps(snow.radius, snow.sigma, degrees)
    return _snowed(image_HW3, snow, blur(layer_HW, along, AS_IMAGEMAGICK))


def render_package(image_HW3: UInt8Image, severity: int, normal_HW: Float32Array, degrees: float) -> UInt8Image:
    """The image under the same snow as the package makes it."""
    (height, width), snow = image_HW3.shape[:2], SNOW[severity - 1]
    flakes_HW = _flakes(normal_HW, snow)
    along = taps_of_package(snow.radius, snow.sigma, degrees, *flakes_HW.shape)
    blurred_HW = blur(flakes_HW, along, NEAREST)
    return _snowed(image_HW3, snow, np.ascontiguousarray(blurred_HW[:height, :width]))


def _flakes(normal_HW: Float32Array, snow: Snow) -> Float32Array:
    """The flakes: the field enlarged, 0..255."""
    mean, deviation, threshold = np.float32(snow.mean), np.float32(snow.deviation), np.float32(snow.threshold)
    (upper_H, lower_share_H), (left_W, right_share_W) = (_places(size, snow.enlargement) for size in normal_HW.shape)
    noise_HW = normal_HW * deviation + mean
    flakes_HW = np.empty((len(upper_H), len(left_W)), np.float32)
    _enlarge(noise_HW, upper_H, lower_share_H, left_W, right_share_W, threshold, flakes_HW)
    return flakes_HW


@lru_cache(16)
def _places(size: int, enlargement: float) -> tuple[Int64Array, Float32Array]:
    """For each place of the enlarged axis: the place at or before it in the axis, and the share of the next one."""
    enlarged = round(size * enlargement)
    places = np.arange(enlarged) * ((size - 1) / (enlarged - 1))
    before = np.minimum(places.astype(np.int64), size - 2)
    return before, (places - before).astype(np.float32)


def _snowed(image_HW3: UInt8Image, snow: Snow, layer_HW: UInt8Image) -> UInt8Image:
    height = image_HW3.shape[0]
    snowed = np.empty(image_HW3.shape, np.uint8)
    kept = np.float32(snow.kept)
    _snow(image_HW3.reshape(height, -1), layer_HW, kept, snowed.reshape(height, -1))
    return snowed


@kernel
def _enlarge(
    noise_HW: Float32Array,
    upper_H: Int64Array,
    lower_share_H: Float32Array,
    left_W: Int64Array,
    right_share_W: Float32Array,
    threshold: np.float32,
    flakes_HW: Float32Array,
) -> None:
    wide_HW = np.empty((noise_HW.shape[0], left_W.size), np.float32)
    for y in range(noise_HW.shape[0]):
        noise_W, wide_W = noise_HW[y], wide_HW[y]
        for x in range(left_W.size):
            left, right = noise_W[left_W[x]], noise_W[left_W[x] + 1]
            wide_W[x] = left + (right - left) * right_share_W[x]
    for y in range(flakes_HW.shape[0]):
        upper_W, lower_W, flakes_W = wide_HW[upper_H[y]], wide_HW[upper_H[y] + 1], flakes_HW[y]
        share = lower_share_H[y]
        for x in range(flakes_W.size):
            value = upper_W[x] + (lower_W[x] - upper_W[x]) * share
            flakes_W[x] = min(value, np.float32(1)) * np.float32(255) if value >= threshold else np.float32(0)


@kernel
def _snow(image_HV: UInt8Image, layer_HW: UInt8Image, kept: np.float32, snowed_HV: UInt8Image) -> None:
    height, width = layer_HW.shape
    whitened = np.float32(1) - kept
    for y in range(height):
        image_V, snowed_V = image_HV[y], snowed_HV[y]
        layer_W, turned_W = layer_HW[y], layer_HW[height - 1 - y][::-1]
        for x in range(width):
            red, green, blue = (
                np.float32(image_V[3 * x]),
                np.float32(image_V[3 * x + 1]),
                np.float32(image_V[3 * x + 2]),
            )
            grey = np.float32(0.299) * red + np.float32(0.587) * green + np.float32(0.114) * blue
            white = whitened * (np.float32(1.5) * grey + np.float32(127.5))
            flakes = np.float32(layer_W[x]) + np.float32(turned_W[x])
            red = kept * red + max(whitened * red, white) + flakes
            green = kept * green + max(whitened * green, white) + flakes
            blue = kept * blue + max(whitened * blue, white) + flakes
            snowed_V[3 * x] = np.uint8(min(red, np.float32(255)))
            snowed_V[3 * x + 1] = np.uint8(min(green, np.float32(255)))
            snowed_V[3 * x + 2] = np.uint8(min(blue, np.float32(255)))


CORRUPTION = Corruption(
    name="snow",
    group="weather",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    variants=MappingProxyType({"imagecorruptions": apply_package, "cifar": partial(apply, constants=CIFAR)}),
    digests=MappingProxyType(
        {"published": "34723a4c1b090a02", "imagecorruptions": "53a7c465b726ab66", "cifar": "f0ef3e77f2ee3d74"}
    ),
)
