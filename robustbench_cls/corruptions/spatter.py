"""Spatter: drops of water, or of mud, on the lens.

Smooths normal noise of mean 0.65, 0.65, 0.65, 0.65, 0.67 and deviation 0.3, 0.3, 0.3, 0.3, 0.4 by a Gaussian of 4, 3,
2, 1, 1 px; what passes 0.69, 0.68, 0.68, 0.65, 0.65 is liquid (severity 1..5): pale turquoise water with shaded rims,
scaled to its strongest drop, at severity 1..3, brown mud smoothed by 1.5 px at 4 and 5.

The code that made the published files does the same. At severity 1, 2 in 100 images of 32 px get no drop at all;
there the package divides by zero and gives a black image, and this module the image as it is.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261.
"""

import numpy as np

from robustbench_cls.core.corruption import Corruption, UInt8Image
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions import reference


def apply(image_HW3: UInt8Image, severity: int, key: Key) -> UInt8Image:
    """The image under water or mud; a copy of it where no drop falls."""
    with np.errstate(invalid="ignore"):
        spattered_HW3 = reference.call("spatter", "global", image_HW3, severity, key)
    if np.isnan(spattered_HW3).any():
        return np.array(image_HW3)
    return reference.floored(spattered_HW3)


CORRUPTION = Corruption(name="spatter", group="extra", source="https://arxiv.org/abs/1903.12261", apply=apply)
