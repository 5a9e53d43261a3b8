"""Shot noise: the discreteness of light.

Replaces every value of every channel by a Poisson draw of its own mean, where white is 60, 25, 12, 5, 3 photons
(severity 1..5), then clips.

The code that made the published files does the same.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261.
"""

from robustbench_cls.core.corruption import Corruption
from robustbench_cls.corruptions.reference import from_package

CORRUPTION = Corruption(
    name="shot_noise",
    group="noise",
    source="https://arxiv.org/abs/1903.12261",
    apply=from_package("shot_noise", draws="global"),
)
