"""Zoom blur: a camera moved towards the scene.

Averages the image with itself enlarged about its centre, by 1.00..1.11, 1.00..1.15, 1.00..1.20, 1.00..1.24 and
1.00..1.30 in 12, 16, 11, 13 and 11 steps (severity 1..5), linearly interpolated. No randomness.

The code that made the published files does the same, for squares only.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261.
"""

from robustbench_cls.core.corruption import Corruption
from robustbench_cls.corruptions.reference import from_package

CORRUPTION = Corruption(
    name="zoom_blur",
    group="blur",
    source="https://arxiv.org/abs/1903.12261",
    apply=from_package("zoom_blur", draws="nothing"),
)
