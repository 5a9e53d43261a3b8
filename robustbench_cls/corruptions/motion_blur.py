"""Motion blur: a camera moved in one direction.

Averages copies shifted along a random angle in -45..45 degrees with one half of a Gaussian of 3, 5, 8, 12, 15 px
over 21, 31, 31, 31, 41 taps (severity 1..5); edges are continued.

The published files were made by ImageMagick: at most 1 level apart, in 0.3 % of the values. Taps whose shift leaves
the image are dropped and the rest not rescaled: at 32 px and severity 5 the image darkens by up to 3 %.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261.
"""

from robustbench_cls.core.corruption import Corruption
from robustbench_cls.corruptions.reference import from_package

CORRUPTION = Corruption(
    name="motion_blur",
    group="blur",
    source="https://arxiv.org/abs/1903.12261",
    apply=from_package("motion_blur", draws="global"),
)
