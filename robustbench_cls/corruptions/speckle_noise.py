"""Speckle noise: Gaussian noise in proportion to the value.

Adds to every value of every channel that value times an independent normal draw, clips, rounds down. The code that
made the published files does the same.

Randomness: stream 0, a normal for each value in the order HW3.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `speckle_noise` of hendrycks/robustness.
"""

from collections.abc import Sequence
from functools import partial
from types import MappingProxyType

import numpy as np

from robustbench_cls.core.arrays import Float32Array, UInt8Image
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions.streams import normals

SIGMA = (0.15, 0.2, 0.35, 0.45, 0.6)
"""Standard deviation by severity, as a fraction of the value."""

CIFAR = (0.06, 0.1, 0.12, 0.16, 0.2)
"""The same of CIFAR-10-C, from `make_cifar_c.py` of hendrycks/robustness."""


def apply(image_HW3: UInt8Image, severity: int, key: Key, constants: Sequence[float] = SIGMA) -> UInt8Image:
    """See `Corruption.apply`."""
    return render(image_HW3, severity, normals(key, image_HW3.shape, lasting=False), constants)


def render(
    image_HW3: UInt8Image, severity: int, normal_HW3: Float32Array, constants: Sequence[float] = SIGMA
) -> UInt8Image:
    """The image with the noise of this field of standard normal numbers."""
    noisy = np.empty_like(image_HW3)
    _scale(image_HW3.reshape(-1), normal_HW3.reshape(-1), np.float32(constants[severity - 1]), noisy.reshape(-1))
    return noisy


@kernel
def _scale(values_N: UInt8Image, normal_N: Float32Array, sigma: np.float32, noisy_N: UInt8Image) -> None:
    for i in range(values_N.size):
        value = np.float32(values_N[i])
        value += value * (normal_N[i] * sigma)
        noisy_N[i] = np.uint8(min(max(value, np.float32(0)), np.float32(255)))


CORRUPTION = Corruption(
    name="speckle_noise",
    group="extra",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    counted=False,
    variants=MappingProxyType({"cifar": partial(apply, constants=CIFAR)}),
    digests=MappingProxyType({"published": "931093998cdf8f76", "cifar": "b97d669a1fbc90cb"}),
)
