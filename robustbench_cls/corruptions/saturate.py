"""Saturate: colours too weak or too strong.

Scales the saturation in HSV, adds to it, and clips. Value V and hue stay. So each channel's distance from V is
multiplied by the ratio of new to old saturation. Grey, whose hue counts as red, gets the saturation added in green and
blue. Results are rounded down.

The code that made the published files goes through HSV in double precision. Where the exact result is whole, as it
always is at severity 3, that arithmetic sometimes falls a level lower. A table over the largest and smallest channel
reproduces this for the smallest channel. The middle channel gets the exact result, so one of its values in ten is a
level higher. No randomness.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `saturate` of hendrycks/robustness.
"""

from collections.abc import Sequence
from functools import cache, partial
from types import MappingProxyType

import numpy as np

from robustbench_cls.core.arrays import Float32Array, UInt8Image, UInt16Array
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.keys import Key
from robustbench_cls.core.scratch import scratch
from robustbench_cls.corruptions.tables import look_up

CHANGE = ((0.3, 0.0), (0.1, 0.0), (2.0, 0.0), (5.0, 0.1), (20.0, 0.2))
"""Factor of the saturation, and the amount added to it, by severity."""

CIFAR = ((0.3, 0.0), (0.1, 0.0), (1.5, 0.0), (2.0, 0.1), (2.5, 0.2))
"""The same of CIFAR-10-C, from `make_cifar_c.py` of hendrycks/robustness."""


def apply(
    image_HW3: UInt8Image, severity: int, key: Key, constants: Sequence[tuple[float, float]] = CHANGE
) -> UInt8Image:
    """See `Corruption.apply`."""
    return render(image_HW3, severity, constants)


def render(image_HW3: UInt8Image, severity: int, constants: Sequence[tuple[float, float]] = CHANGE) -> UInt8Image:
    """The image with its saturation changed."""
    factor, added = constants[severity - 1]
    pixels = image_HW3.size // 3
    places_P = scratch("saturate_places", (pixels,), np.uint16)
    ratios_P = scratch("saturate_ratios", (pixels,), np.float32)
    saturated = np.empty_like(image_HW3)
    _extremes(image_HW3.reshape(-1), places_P)
    look_up(places_P, _ratios(factor, added), ratios_P)
    _stretch(image_HW3.reshape(-1), places_P, ratios_P, np.float32(added), saturated.reshape(-1))
    return saturated


_LIFT = 1 / 1024
"""Levels added before rounding down, so that whole results stay whole in single precision."""


@cache
def _ratios(factor: float, added: float) -> Float32Array:
    """The ratio of new to old saturation, by 256 * largest channel + smallest channel."""
    largest = np.repeat(np.arange(256), 256)
    smallest = np.minimum(np.tile(np.arange(256), 256), largest)
    spread = np.maximum(largest - smallest, 1)
    saturation = np.minimum((largest / 255.0 - smallest / 255.0) / np.maximum(largest / 255.0, 1 / 255.0), 1)
    clipped = np.clip(saturation * factor + added, 0, 1)
    by_reference = np.floor(np.clip(largest / 255.0 * (1 - clipped), 0, 1) * 255)
    exact = np.minimum(factor + added * largest / spread, largest / spread)
    lower = np.floor(largest + _LIFT - spread * exact) > by_reference
    ratios = np.where(lower, (largest - by_reference - 1 + _LIFT * 9 / 8) / spread, exact)
    return np.where(largest > smallest, ratios, 0).astype(np.float32)


@kernel
def _extremes(values_N: UInt8Image, places_P: UInt16Array) -> None:
    for i in range(places_P.size):
        red, green, blue = values_N[3 * i], values_N[3 * i + 1], values_N[3 * i + 2]
        largest = np.uint16(max(red, max(green, blue)))
        places_P[i] = np.uint16(largest << np.uint16(8)) | np.uint16(min(red, min(green, blue)))


@kernel
def _stretch(
    values_N: UInt8Image, places_P: UInt16Array, ratios_P: Float32Array, added: np.float32, saturated_N: UInt8Image
) -> None:
    lift = np.float32(_LIFT)
    for i in range(places_P.size):
        value = np.float32(places_P[i] >> np.uint16(8))
        tint = added * value if ratios_P[i] == np.float32(0) else np.float32(0)
        for channel in range(3):
            level = value + lift - (value - np.float32(values_N[3 * i + channel])) * ratios_P[i]
            saturated_N[3 * i + channel] = np.uint8(level if channel == 0 else level - tint)


CORRUPTION = Corruption(
    name="saturate",
    group="extra",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    counted=False,
    variants=MappingProxyType({"cifar": partial(apply, constants=CIFAR)}),
    digests=MappingProxyType({"published": "a8bfbfe5a24c6da6", "cifar": "a8419d2db1c9b0da"}),
)
