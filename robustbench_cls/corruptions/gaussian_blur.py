"""Gaussian blur.

Blurs with a Gaussian cut at 4 standard deviations, edges continued, and rounds down. No randomness.

The code that made the published files does the same. From 3 px on `gaussian.blur` takes a short cut, which moves
about 0.5 % of the values by one level. An even area keeps its level here; there, rounding takes one level off a few of
the 256.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `gaussian_blur` of hendrycks/robustness.
"""

from collections.abc import Sequence
from functools import partial
from types import MappingProxyType

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions.gaussian import blur

SIGMA = (1, 2, 3, 4, 6)
"""Standard deviation by severity, in pixels."""

CIFAR = (0.4, 0.6, 0.7, 0.8, 1)
"""The same of CIFAR-10-C, from `make_cifar_c.py` of hendrycks/robustness."""


def apply(image_HW3: UInt8Image, severity: int, key: Key, constants: Sequence[float] = SIGMA) -> UInt8Image:
    """See `Corruption.apply`."""
    return render(image_HW3, severity, constants)


def render(image_HW3: UInt8Image, severity: int, constants: Sequence[float] = SIGMA) -> UInt8Image:
    """The blurred image."""
    return blur(image_HW3, constants[severity - 1])


CORRUPTION = Corruption(
    name="gaussian_blur",
    group="extra",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    counted=False,
    variants=MappingProxyType({"cifar": partial(apply, constants=CIFAR)}),
    digests=MappingProxyType({"published": "2bffd89f6ae0500e", "cifar": "8d59712b61364194"}),
)
