"""Impulse noise: salt and pepper, from bit errors.

Each value of each channel, independently, stays or is set to 0 or to 255, both equally likely. The code that made the
published files does the same.

Randomness: stream 0, a uniform16 for each value in the order HW3. A number under half the amount gives salt, one from
there to the amount gives pepper. Amounts are in 65,536ths, so they are exact to 0.00001.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `impulse_noise` of hendrycks/robustness.
"""

from collections.abc import Sequence
from functools import partial
from types import MappingProxyType

import numpy as np

from robustbench_cls.core.arrays import UInt8Image, UInt16Array
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions.streams import uniform16

AMOUNT = (0.03, 0.06, 0.09, 0.17, 0.27)
"""Share of the values that are replaced, by severity."""

CIFAR = (0.01, 0.02, 0.03, 0.05, 0.07)
"""The same of CIFAR-10-C, from `make_cifar_c.py` of hendrycks/robustness."""


def apply(image_HW3: UInt8Image, severity: int, key: Key, constants: Sequence[float] = AMOUNT) -> UInt8Image:
    """See `Corruption.apply`."""
    return render(image_HW3, severity, uniform16(key, image_HW3.shape, lasting=False), constants)


def render(
    image_HW3: UInt8Image, severity: int, uniform_HW3: UInt16Array, constants: Sequence[float] = AMOUNT
) -> UInt8Image:
    """The image with the noise of this field of integers 0..65535."""
    pepper = np.uint16(round(constants[severity - 1] * 65536))
    salt = np.uint16(pepper // 2)
    noisy = np.empty_like(image_HW3)
    _replace(image_HW3.reshape(-1), uniform_HW3.reshape(-1), salt, pepper, noisy.reshape(-1))
    return noisy


@kernel
def _replace(
    values_N: UInt8Image, uniform_N: UInt16Array, salt: np.uint16, pepper: np.uint16, noisy_N: UInt8Image
) -> None:
    for i in range(values_N.size):
        value = values_N[i]
        if uniform_N[i] < pepper:
            value = np.uint8(0)
        if uniform_N[i] < salt:
            value = np.uint8(255)
        noisy_N[i] = value


CORRUPTION = Corruption(
    name="impulse_noise",
    group="noise",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    variants=MappingProxyType({"cifar": partial(apply, constants=CIFAR)}),
    digests=MappingProxyType({"published": "e63ab4200b436850", "cifar": "eef7096bc6091649"}),
)
