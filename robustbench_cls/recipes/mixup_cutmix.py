"""mixup or CutMix: each batch is mixed by one of the two.

    robust train --recipe mixup-cutmix --model resnet50

torchvision's MixUp and CutMix, drawn as its references and timm's `Mixup` draw them: `switch` is the share of batches
that get CutMix. An alpha of 0 leaves its method out.

Cost: 0.6 ms an image at 224 px on one core besides the 1.1 of loading it, so 1.6 times the baseline's preparation.
Mixing runs where the model does.

Most recipes of today contain it (rsb-a1, deit, torchvision-v2); it has no published number of its own.

Where we differ: torchvision mixes each image with its neighbour in the batch, timm with the one at the mirrored place.
Until 2024 torchvision's references gave mixup's alpha to CutMix as well; here each has its own.

Source: Zhang et al. 2017, arXiv:1710.09412; Yun et al. 2019, arXiv:1905.04899.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from robustbench_cls.core.recipe import Recipe


def mix(
    *, num_classes: int, mixup_alpha: float, cutmix_alpha: float, switch: float
) -> Callable[[Any, Any], tuple[Any, Any]] | None:
    """One of torchvision's two for each batch, drawn by PyTorch's generator; None where both alphas are 0.

    Raises:
        ValueError: a setting is out of range.
    """
    from torchvision.transforms import v2

    if mixup_alpha < 0 or cutmix_alpha < 0 or not 0 <= switch <= 1:
        raise ValueError(
            f"mixup_alpha and cutmix_alpha must be at least 0 and switch 0 to 1, not {mixup_alpha}, {cutmix_alpha} "
            f"and {switch}"
        )
    transforms: list[Any] = []
    shares = []
    if mixup_alpha:
        transforms.append(v2.MixUp(alpha=mixup_alpha, num_classes=num_classes))
        shares.append(1 - switch)
    if cutmix_alpha:
        transforms.append(v2.CutMix(alpha=cutmix_alpha, num_classes=num_classes))
        shares.append(switch)
    if len(transforms) < 2:
        return transforms[0] if transforms else None
    choice: Callable[[Any, Any], tuple[Any, Any]] = v2.RandomChoice(transforms, p=shares)
    return choice


RECIPE = Recipe(
    name="mixup-cutmix",
    title="mixup or CutMix",
    source="https://arxiv.org/abs/1905.04899",
    mix=mix,
    settings=MappingProxyType({"mixup_alpha": 0.2, "cutmix_alpha": 1.0, "switch": 0.5}),
    regimen=MappingProxyType({"": {"epochs": 300}}),
)
