"""Gaussian noise: electronic noise of low light.

Adds to every value of every channel an independent normal draw of standard deviation 0.08, 0.12, 0.18, 0.26,
0.38 (severity 1..5; fraction of the range 0..255), then clips.

The code that made the published files does the same.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261.
"""

from robustbench_cls.core.corruption import Corruption
from robustbench_cls.corruptions.reference import from_package

CORRUPTION = Corruption(
    name="gaussian_noise",
    group="noise",
    source="https://arxiv.org/abs/1903.12261",
    apply=from_package("gaussian_noise", draws="global"),
)
