"""AutoAugment: the policy of operations searched on ImageNet.

    robust train --recipe autoaugment --model resnet50

timm's implementation. The policy contains brightness, contrast and saturation.

Cost: 0.4 ms an image at 224 px on one core, 1.4 times the baseline's preparation.

Expected: ResNet-50, 270 epochs, 77.6 % top-1, by the paper.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from robustbench_cls.core.recipe import Recipe
from robustbench_cls.recipes.posterize import keep_one_bit


def augment(*, size: int, config: str) -> Callable[[Any], Any]:
    """timm's AutoAugment for images of `size` px."""
    from timm.data.auto_augment import auto_augment_transform

    transform: Any = auto_augment_transform(config, {"translate_const": int(size * 0.45)})
    keep_one_bit(operation for policy in transform.policy for operation in policy)
    return transform  # type: ignore[no-any-return]


RECIPE = Recipe(
    name="autoaugment",
    title="AutoAugment",
    source="https://arxiv.org/abs/1805.09501",
    augment=augment,
    settings=MappingProxyType({"config": "original"}),
    overlaps=("brightness", "contrast", "saturate"),
    expected="ResNet-50, 270 epochs: 77.6 % top-1 (paper)",
)
