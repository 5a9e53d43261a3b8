"""Brightness: a brighter daylight.

Adds 0.1, 0.2, 0.3, 0.4, 0.5 (severity 1..5; 1 is white) to the value in HSV, and clips. No randomness.

The code that made the published files does the same.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261.
"""

from robustbench_cls.core.corruption import Corruption
from robustbench_cls.corruptions.reference import from_package

CORRUPTION = Corruption(
    name="brightness",
    group="weather",
    source="https://arxiv.org/abs/1903.12261",
    apply=from_package("brightness", draws="nothing"),
)
