"""Speckle noise: noise in proportion to the light.

Adds to every value of every channel the value times an independent normal draw of standard deviation 0.15, 0.2,
0.35, 0.45, 0.6 (severity 1..5), then clips.

The code that made the published files does the same.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261.
"""

from robustbench_cls.core.corruption import Corruption
from robustbench_cls.corruptions.reference import from_package

CORRUPTION = Corruption(
    name="speckle_noise",
    group="extra",
    source="https://arxiv.org/abs/1903.12261",
    apply=from_package("speckle_noise", draws="global"),
)
