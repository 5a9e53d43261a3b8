"""Pixelate: a small image enlarged.

Shrinks to 0.6, 0.5, 0.4, 0.3, 0.25 of each side (severity 1..5), rounded down to whole pixels, by box averages,
and enlarges again by nearest pixels. No randomness.

The code that made the published files enlarges by boxes, which gives the same pixels.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261.
"""

from robustbench_cls.core.corruption import Corruption
from robustbench_cls.corruptions.reference import from_package

CORRUPTION = Corruption(
    name="pixelate",
    group="digital",
    source="https://arxiv.org/abs/1903.12261",
    apply=from_package("pixelate", draws="nothing"),
)
