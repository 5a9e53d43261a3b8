"""Frost: ice on the lens.

Adds a random crop of a photo of frost: 1, 0.8, 0.7, 0.65, 0.6 of the image and 0.4, 0.6, 0.7, 0.7, 0.75 of the
frost (severity 1..5), then clips.

The code that made the published files crops the photo at its native size and draws among five; the package enlarges
it by 1.1 (cubic), more where the image is larger than the photo, and draws among six, two of which are the same
picture (`frost2.png`, `frost3.png`).

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261.
"""

from robustbench_cls.core.corruption import Corruption
from robustbench_cls.corruptions.reference import from_package

CORRUPTION = Corruption(
    name="frost",
    group="weather",
    source="https://arxiv.org/abs/1903.12261",
    apply=from_package("frost", draws="global"),
)
