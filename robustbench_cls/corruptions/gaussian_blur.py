"""Gaussian blur.

Blurs with a Gaussian cut at 4 standard deviations, edges continued, and rounds down. No randomness.

The code that made the published files does the same. From 3 px on `gaussian.blur` takes a short cut, which moves
about 0.5 % of the values by one level. An even area keeps its level here; there, rounding takes one level off a few of
the 256.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `gaussian_blur` of hendrycks/robustness.
"""

from types import MappingProxyType

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions.gaussian import blur

SIGMA = (1, 2, 3, 4, 6)
"""Standard deviation by severity, in pixels."""


def apply(image_HW3: UInt8Image, severity: int, key: Key) -> UInt8Image:
    """See `Corruption.apply`."""
    return render(image_HW3, severity)


def render(image_HW3: UInt8Image, severity: int) -> UInt8Image:
    """The blurred image."""
    return blur(image_HW3, SIGMA[severity - 1])


CORRUPTION = Corruption(
    name="gaussian_blur",
    group="extra",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    counted=False,
    digests=MappingProxyType({"published": "2bffd89f6ae0500e"}),
)
