"""Brightness: a brighter daylight.

Adds to the value in HSV, and clips. Hue and saturation stay, so every channel is multiplied by the ratio of the new
value to the old one and rounded down; black becomes grey. The code that made the published files goes through HSV in
double precision. Ours takes the new value from that arithmetic, and multiplies in single precision. No randomness.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `brightness` of hendrycks/robustness.
"""

from collections.abc import Sequence
from functools import cache, partial
from types import MappingProxyType

import numpy as np

from robustbench_cls.core.arrays import Float32Array, UInt8Image
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.keys import Key
from robustbench_cls.core.scratch import scratch
from robustbench_cls.corruptions.tables import look_up

ADDED = (0.1, 0.2, 0.3, 0.4, 0.5)
"""Amount added to the value in HSV, by severity; 1 is white."""

CIFAR = (0.05, 0.1, 0.15, 0.2, 0.3)
"""The same of CIFAR-10-C, from `make_cifar_c.py` of hendrycks/robustness."""


def apply(image_HW3: UInt8Image, severity: int, key: Key, constants: Sequence[float] = ADDED) -> UInt8Image:
    """See `Corruption.apply`."""
    return render(image_HW3, severity, constants)


def render(image_HW3: UInt8Image, severity: int, constants: Sequence[float] = ADDED) -> UInt8Image:
    """The brighter image."""
    added, pixels = constants[severity - 1], image_HW3.size // 3
    values_P = scratch("bright_values", (pixels,), np.uint8)
    ratios_P = scratch("bright_ratios", (pixels,), np.float32)
    bright = np.empty_like(image_HW3)
    _largest(image_HW3.reshape(-1), values_P)
    look_up(values_P, _ratios(added), ratios_P)
    grey = np.float32(np.floor(added * 255))
    _multiply(image_HW3.reshape(-1), ratios_P, grey, bright.reshape(-1))
    return bright


@cache
def _ratios(added: float) -> Float32Array:
    """The ratio of new to old value for each old value; 0 for black. Old value times ratio rounds down to the
    reference's level.
    """
    old = np.arange(256)
    new = np.floor(np.clip(old / 255.0 + added, 0, 1) * 255)
    exact = np.clip(old + 255 * added, 0, 255)
    ratios: Float32Array = (np.clip(exact, new + 0.01, new + 0.99) / np.maximum(old, 1)).astype(np.float32)
    ratios[0] = 0
    return ratios


@kernel
def _largest(values_N: UInt8Image, values_P: UInt8Image) -> None:
    for i in range(values_P.size):
        values_P[i] = max(values_N[3 * i], max(values_N[3 * i + 1], values_N[3 * i + 2]))


@kernel
def _multiply(values_N: UInt8Image, ratios_P: Float32Array, grey: np.float32, bright_N: UInt8Image) -> None:
    for i in range(ratios_P.size):
        ratio = ratios_P[i]
        added = grey if ratio == np.float32(0) else np.float32(0)
        bright_N[3 * i] = np.uint8(np.float32(values_N[3 * i]) * ratio + added)
        bright_N[3 * i + 1] = np.uint8(np.float32(values_N[3 * i + 1]) * ratio + added)
        bright_N[3 * i + 2] = np.uint8(np.float32(values_N[3 * i + 2]) * ratio + added)


CORRUPTION = Corruption(
    name="brightness",
    group="weather",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    variants=MappingProxyType({"cifar": partial(apply, constants=CIFAR)}),
    digests=MappingProxyType({"published": "52213df4153a38f9", "cifar": "a71aa46144939f40"}),
)
