"""Glass blur: seen through frosted glass.

Blurs with a Gaussian of 0.7, 0.9, 1, 1.1, 1.5 px, moves pixels by up to 1, 2, 2, 3, 4 px in 2, 1, 3, 2, 2 rounds
(severity 1..5), and blurs once more.

The code that made the published files does the same, at 224 px only. What reads as a swap of two pixels is a copy
in both, so the picture drifts by 1..2 px; offsets run from -d to d - 1, and a border of d px is never a target.
`np.random.seed` does not fix this function of the package; its argument `seed` does. Its first call compiles it,
some seconds.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261.
"""

from robustbench_cls.core.corruption import Corruption
from robustbench_cls.corruptions.reference import from_package

CORRUPTION = Corruption(
    name="glass_blur",
    group="blur",
    source="https://arxiv.org/abs/1903.12261",
    apply=from_package("glass_blur", draws="seed"),
)
