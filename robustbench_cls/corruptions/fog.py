"""Fog: a cloudy veil of lower contrast.

Adds a plasma fractal (diamond-square) of amplitude 1.5, 2, 2.5, 2.5, 3 (1 is white) whose detail weakens by a factor
of 2, 2, 1.7, 1.5, 1.4 an octave (severity 1..5), and rescales so that white stays in range.

The code that made the published files does the same at 224 px, where the fractal is 256 px wide; the package takes
the next power of two of the longer side, in single precision.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261.
"""

from robustbench_cls.core.corruption import Corruption
from robustbench_cls.corruptions.reference import from_package

CORRUPTION = Corruption(
    name="fog",
    group="weather",
    source="https://arxiv.org/abs/1903.12261",
    apply=from_package("fog", draws="global"),
)
