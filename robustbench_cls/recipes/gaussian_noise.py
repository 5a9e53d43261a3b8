"""Gaussian noise on half of the images: a simple method that gains much on ImageNet-C.

    robust train --recipe gaussian-noise --model resnet50 --start published

Each image gets noise with a probability of `noisy_share`, of a standard deviation drawn from `sigmas`, as fractions of
the range 0..255. The source has one of 0.5, or five, those of the test corruption at its severities:
`--set sigmas=0.08,0.12,0.18,0.26,0.38`.

Cost: 0.12 ms an image at 224 px on one core besides the 1.1 of loading it, so 1.1 times the baseline's preparation
(numpy's normal numbers would take 1 ms).

Expected: ResNet-50 that begins with trained weights, 75.9 % top-1 and mCE 64.5 with one sigma of 0.5, and 76.1 % and
65.0 with five.

Four test corruptions are not new to such a model: Gaussian noise itself, and shot, impulse and speckle noise, which
change each value on its own just as it does. The source therefore gives its means without noise as well. Read those.

Where we differ: levels are rounded after the noise, since augmented images are of whole levels.

Source: Rusak et al. 2020, arXiv:2001.06057; bethgelab/game-of-noise. The noise is made as by `corruptions.streams`.
"""

import random
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np
from PIL import Image

from robustbench_cls.core.arrays import Int16Array, UInt8Array
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.keys import Key
from robustbench_cls.core.recipe import Recipe
from robustbench_cls.core.scratch import scratch
from robustbench_cls.corruptions.streams import quantiles, uniform16
from robustbench_cls.corruptions.tables import look_up


@dataclass(frozen=True)
class GaussianNoise:
    """Adds noise to some images.

    Attributes:
        sigmas: standard deviations, one of which is drawn for each noisy image.
        noisy_share: probability that an image gets noise.
    """

    sigmas: tuple[float, ...]
    noisy_share: float

    def __call__(self, image: Image.Image) -> Image.Image:
        """The image itself, or a noisy one, drawn from Python's global generator."""
        if random.random() >= self.noisy_share:
            return image
        sigma = random.choice(self.sigmas)
        key = Key(random.getrandbits(128).to_bytes(16, "little"))
        values_N = np.asarray(image).reshape(-1)
        levels_N = scratch("recipe_noise", values_N.shape, np.int16)
        look_up(uniform16(key, values_N.shape, lasting=False), _levels(sigma), levels_N)
        noisy_N = np.empty_like(values_N)
        _add(values_N, levels_N, noisy_N)
        return Image.fromarray(noisy_N.reshape(image.height, image.width, 3))


@cache
def _levels(sigma: float) -> Int16Array:
    """The noise by its quantile, rounded; adding it to whole levels rounds the sum."""
    levels: Int16Array = np.rint(quantiles() * (sigma * 255)).astype(np.int16)
    return levels


@kernel
def _add(values_N: UInt8Array, levels_N: Int16Array, noisy_N: UInt8Array) -> None:
    for i in range(values_N.size):
        value = np.int16(np.int16(values_N[i]) + levels_N[i])
        noisy_N[i] = np.uint8(min(max(value, np.int16(0)), np.int16(255)))


def augment(*, size: int, sigmas: str, noisy_share: float) -> GaussianNoise:
    """Noise for images of any size.

    Args:
        size: any.
        sigmas: numbers over 0 and at most 1, separated by commas.
        noisy_share: 0 to 1.

    Raises:
        ValueError: a setting is out of range.
    """
    values = tuple(float(text) for text in sigmas.split(","))
    if not all(0 < value <= 1 for value in values):
        raise ValueError(f"sigmas must be over 0 and at most 1, not {sigmas}")
    if not 0 <= noisy_share <= 1:
        raise ValueError(f"noisy_share must be 0 to 1, not {noisy_share}")
    return GaussianNoise(values, noisy_share)


RECIPE = Recipe(
    name="gaussian-noise",
    title="Gaussian noise",
    source="https://arxiv.org/abs/2001.06057",
    augment=augment,
    settings=MappingProxyType({"sigmas": "0.5", "noisy_share": 0.5}),
    overlaps=("gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise"),
    expected="ResNet-50 from trained weights: 75.9 % top-1, mCE 64.5 (sigma 0.5); 76.1 % and 65.0 (five sigmas)",
)
