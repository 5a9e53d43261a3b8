"""Gaussian noise: electronic noise of low light.

Adds to every value of every channel an independent normal draw, clips, rounds down. The code that made the
published files does the same.

Randomness: stream 0, a normal for each value in the order HW3.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `gaussian_noise` of hendrycks/robustness.
"""

import numpy as np

from robustbench_cls.core.corruption import Corruption, UInt8Image
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions.kernel import Float32Array, kernel
from robustbench_cls.corruptions.streams import normals

SIGMA = (0.08, 0.12, 0.18, 0.26, 0.38)
"""Standard deviation by severity, as a fraction of the range 0..255."""


def apply(image_HW3: UInt8Image, severity: int, key: Key) -> UInt8Image:
    """See `Corruption.apply`."""
    return render(image_HW3, severity, normals(key, image_HW3.shape, lasting=False))


def render(image_HW3: UInt8Image, severity: int, normal_HW3: Float32Array) -> UInt8Image:
    """The image under this field of standard normal numbers."""
    noisy = np.empty_like(image_HW3)
    _add(image_HW3.reshape(-1), normal_HW3.reshape(-1), np.float32(SIGMA[severity - 1] * 255), noisy.reshape(-1))
    return noisy


@kernel
def _add(values_N: UInt8Image, normal_N: Float32Array, sigma: np.float32, noisy_N: UInt8Image) -> None:
    for i in range(values_N.size):
        value = np.float32(values_N[i]) + normal_N[i] * sigma
        noisy_N[i] = np.uint8(min(max(value, np.float32(0)), np.float32(255)))


CORRUPTION = Corruption(
    name="gaussian_noise",
    group="noise",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
)
