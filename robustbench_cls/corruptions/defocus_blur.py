"""Defocus blur: a lens out of focus.

Convolves each channel with a disk of radius 3, 4, 6, 8, 10 px whose edge is softened by a Gaussian of 0.1, 0.5,
0.5, 0.5, 0.5 px (severity 1..5); borders are mirrored. No randomness.

The code that made the published files does the same. The kernels of severity 4 and 5 sum to 1.013 and 1.011, in
both: the image gets that much brighter.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261.
"""

from robustbench_cls.core.corruption import Corruption
from robustbench_cls.corruptions.reference import from_package

CORRUPTION = Corruption(
    name="defocus_blur",
    group="blur",
    source="https://arxiv.org/abs/1903.12261",
    apply=from_package("defocus_blur", draws="nothing"),
)
