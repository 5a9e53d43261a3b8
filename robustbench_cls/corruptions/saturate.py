"""Saturate: colours too weak or too strong.

Scales the saturation in HSV by 0.3, 0.1, 2, 5, 20 and adds 0, 0, 0, 0.1, 0.2 (severity 1..5), and clips: the
first two take colour away. No randomness.

The code that made the published files does the same.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261.
"""

from robustbench_cls.core.corruption import Corruption
from robustbench_cls.corruptions.reference import from_package

CORRUPTION = Corruption(
    name="saturate",
    group="extra",
    source="https://arxiv.org/abs/1903.12261",
    apply=from_package("saturate", draws="nothing"),
)
