"""RandAugment: a few random operations of one strength.

    robust train --recipe randaugment --model resnet50

timm's implementation, by its configuration string. Its operations contain brightness, contrast and saturation, so these
test corruptions are not new to the model.

Cost: 0.6 ms an image at 224 px on one core, 1.5 times the baseline's preparation.

Expected: ResNet-50, 180 epochs, 77.6 % top-1, by the paper.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from robustbench_cls.core.recipe import Recipe
from robustbench_cls.recipes.posterize import keep_one_bit


def augment(*, size: int, config: str) -> Callable[[Any], Any]:
    """timm's RandAugment for images of `size` px."""
    from timm.data.auto_augment import rand_augment_transform

    transform: Any = rand_augment_transform(config, {"translate_const": int(size * 0.45)})
    keep_one_bit(transform.ops)
    return transform  # type: ignore[no-any-return]


RECIPE = Recipe(
    name="randaugment",
    title="RandAugment",
    source="https://arxiv.org/abs/1909.13719",
    augment=augment,
    settings=MappingProxyType({"config": "rand-m9-mstd0.5-inc1"}),
    overlaps=("brightness", "contrast", "saturate"),
    expected="ResNet-50, 180 epochs: 77.6 % top-1 (paper)",
)
