"""Impulse noise: salt and pepper, as of bit errors.

Sets a share of 0.03, 0.06, 0.09, 0.17, 0.27 (severity 1..5) of all values, each channel by itself, to 0 or 255
with equal chance.

The code that made the published files does the same. `np.random.seed` does not fix this function of the package;
its argument `seed` does.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261.
"""

from robustbench_cls.core.corruption import Corruption
from robustbench_cls.corruptions.reference import from_package

CORRUPTION = Corruption(
    name="impulse_noise",
    group="noise",
    source="https://arxiv.org/abs/1903.12261",
    apply=from_package("impulse_noise", draws="seed"),
)
