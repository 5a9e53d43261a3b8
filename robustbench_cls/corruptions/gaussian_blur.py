"""Gaussian blur.

Blurs with a Gaussian of standard deviation 1, 2, 3, 4, 6 px (severity 1..5), cut at 4 deviations; edges are
continued. No randomness.

The code that made the published files does the same.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261.
"""

from robustbench_cls.core.corruption import Corruption
from robustbench_cls.corruptions.reference import from_package

CORRUPTION = Corruption(
    name="gaussian_blur",
    group="extra",
    source="https://arxiv.org/abs/1903.12261",
    apply=from_package("gaussian_blur", draws="nothing"),
)
