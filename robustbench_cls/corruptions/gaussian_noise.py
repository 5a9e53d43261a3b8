"""Gaussian noise: electronic noise of low light.

Adds to every value of every channel an independent normal draw, clips, rounds down. The code that made the
published files does the same.

Randomness: stream 0, a normal for each value in the order HW3.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `gaussian_noise` of hendrycks/robustness.
"""

from collections.abc import Sequence
from functools import cache, partial
from types import MappingProxyType

import numpy as np

from robustbench_cls.core.arrays import Float32Array, Int16Array, UInt8Image
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.keys import Key
from robustbench_cls.core.scratch import scratch
from robustbench_cls.corruptions.streams import quantiles, uniform16
from robustbench_cls.corruptions.tables import look_up

SIGMA = (0.08, 0.12, 0.18, 0.26, 0.38)
"""Standard deviation by severity, as a fraction of the range 0..255."""

CIFAR = (0.04, 0.06, 0.08, 0.09, 0.1)
"""The same of CIFAR-10-C, from `make_cifar_c.py` of hendrycks/robustness."""


def apply(image_HW3: UInt8Image, severity: int, key: Key, constants: Sequence[float] = SIGMA) -> UInt8Image:
    """See `Corruption.apply`."""
    levels_HW3 = scratch("noise_levels", image_HW3.shape, np.int16)
    uniform_HW3 = uniform16(key, image_HW3.shape, lasting=False)
    look_up(uniform_HW3.reshape(-1), _levels_of_quantiles(constants[severity - 1]), levels_HW3.reshape(-1))
    return _noisy(image_HW3, levels_HW3)


def render(
    image_HW3: UInt8Image, severity: int, normal_HW3: Float32Array, constants: Sequence[float] = SIGMA
) -> UInt8Image:
    """The image with the noise of this field of standard normal numbers."""
    return _noisy(image_HW3, _levels(normal_HW3, constants[severity - 1]))


def _noisy(image_HW3: UInt8Image, levels_HW3: Int16Array) -> UInt8Image:
    noisy = np.empty_like(image_HW3)
    _add(image_HW3.reshape(-1), levels_HW3.reshape(-1), noisy.reshape(-1))
    return noisy


def _levels(normal: Float32Array, sigma: float) -> Int16Array:
    """The noise rounded down. The image's levels are whole, so adding this rounds the sum down."""
    levels: Int16Array = np.floor(normal * (sigma * 255)).astype(np.int16)
    return levels


@cache
def _levels_of_quantiles(sigma: float) -> Int16Array:
    return _levels(quantiles(), sigma)


@kernel
def _add(values_N: UInt8Image, levels_N: Int16Array, noisy_N: UInt8Image) -> None:
    for i in range(values_N.size):
        value = np.int16(np.int16(values_N[i]) + levels_N[i])
        noisy_N[i] = np.uint8(min(max(value, np.int16(0)), np.int16(255)))


CORRUPTION = Corruption(
    name="gaussian_noise",
    group="noise",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    variants=MappingProxyType({"cifar": partial(apply, constants=CIFAR)}),
    digests=MappingProxyType({"published": "54b82fd8d9f94f34", "cifar": "e871f8114be2ca45"}),
)
