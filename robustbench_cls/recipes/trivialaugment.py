"""TrivialAugment: one random operation of a random strength, over wide ranges.

    robust train --recipe trivialaugment --model resnet50

torchvision's `TrivialAugmentWide`. Of its 14 operations, brightness and contrast stand in ImageNet-C, and color is the
extra corruption saturate; its sharpness blurs, too, but less than any test corruption.

Cost: 0.25 ms an image at 224 px on one core besides the 1.1 of loading it, so 1.2 times the baseline's preparation.

Expected: ResNet-50, 270 epochs, 78.1 % top-1 (paper).

Source: Müller and Hutter 2021, arXiv:2103.10158; the warm-up of 3 epochs is that of automl/trivialaugment. There the
rate is cut after 90, 180 and 240 epochs; here it follows a cosine.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from robustbench_cls.core.recipe import Recipe


def augment(*, size: int, interpolation: str) -> Callable[[Any], Any]:
    """torchvision's TrivialAugmentWide.

    Args:
        size: any.
        interpolation: of rotations, shears and shifts: nearest, bilinear or bicubic.
    """
    from torchvision.transforms import v2

    transform: Callable[[Any], Any] = v2.TrivialAugmentWide(interpolation=v2.InterpolationMode(interpolation))
    return transform


RECIPE = Recipe(
    name="trivialaugment",
    title="TrivialAugment",
    source="https://arxiv.org/abs/2103.10158",
    augment=augment,
    settings=MappingProxyType({"interpolation": "nearest"}),
    regimen=MappingProxyType({"": {"epochs": 270}, "resnet": {"warmup_epochs": 3}}),
    overlaps=("brightness", "contrast", "saturate"),
    expected="ResNet-50, 270 epochs: 78.1 % top-1 (paper)",
)
