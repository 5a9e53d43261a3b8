"""3-Augment: each image is made grey, solarised or blurred, and then its colours are jittered.

    robust train --recipe three-augment+mixup-cutmix --model deit3_small_patch16_224 --set mixup_alpha=0.8

Three test corruptions stand in the colour jitter: brightness, contrast and saturation, which a grey image has none of.
The blur is the extra corruption gaussian_blur at its first two severities, and much like defocus_blur.

Cost: 0.9 ms an image at 224 px on one core besides the 1.1 of loading it, so 1.8 times the baseline's preparation.

Expected: ViT-S/16, 800 epochs with mixup, CutMix, LAMB and binary cross entropy, 81.4 % top-1.

Source: Touvron et al. 2022, arXiv:2204.07118; `augment.py` of facebookresearch/deit.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from PIL import Image, ImageFilter, ImageOps

from robustbench_cls.core.recipe import Recipe

LEAST_RADIUS, MOST_RADIUS = 0.1, 2.0
"""Standard deviation of the blur in px."""


def grey(image: Image.Image) -> Image.Image:
    """The image without colours."""
    return ImageOps.grayscale(image).convert("RGB")


def blurred(image: Image.Image) -> Image.Image:
    """The image under a Gaussian blur of a random radius."""
    return image.filter(ImageFilter.GaussianBlur(random.uniform(LEAST_RADIUS, MOST_RADIUS)))


CHOICES: tuple[Callable[[Image.Image], Image.Image], ...] = (grey, ImageOps.solarize, blurred)


@dataclass(frozen=True)
class ThreeAugment:
    """One of `CHOICES`, drawn from Python's global generator, and then `jitter`."""

    jitter: Callable[[Any], Any]

    def __call__(self, image: Image.Image) -> Any:
        """The augmented image."""
        return self.jitter(random.choice(CHOICES)(image))


def augment(*, size: int, jitter: float) -> ThreeAugment:
    """3-Augment for images of any size.

    Args:
        size: any.
        jitter: brightness, contrast and saturation change by a factor of up to 1 +- this.
    """
    from torchvision.transforms import v2

    return ThreeAugment(v2.ColorJitter(brightness=jitter, contrast=jitter, saturation=jitter))


RECIPE = Recipe(
    name="three-augment",
    title="3-Augment",
    source="https://arxiv.org/abs/2204.07118",
    augment=augment,
    settings=MappingProxyType({"jitter": 0.3}),
    overlaps=("brightness", "contrast", "saturate", "gaussian_blur", "defocus_blur"),
    expected="ViT-S/16, 800 epochs with mixup, CutMix and binary cross entropy: 81.4 % top-1 (DeiT III)",
)
