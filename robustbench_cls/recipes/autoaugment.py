"""AutoAugment: the policy of operations searched on ImageNet.

timm's implementation. The policy contains brightness and contrast changes.
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
