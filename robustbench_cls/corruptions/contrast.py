"""Contrast: a flat picture, from light or colour.

Brings every value to 0.4, 0.3, 0.2, 0.1, 0.05 (severity 1..5) of its distance from the image's mean of that
channel. No randomness.

The code that made the published files does the same.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261.
"""

from robustbench_cls.core.corruption import Corruption
from robustbench_cls.corruptions.reference import from_package

CORRUPTION = Corruption(
    name="contrast",
    group="digital",
    source="https://arxiv.org/abs/1903.12261",
    apply=from_package("contrast", draws="nothing"),
)
