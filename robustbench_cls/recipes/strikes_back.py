"""The parts of "ResNet strikes back" that its three trainings share: RandAugment, mixup or CutMix, and a binary loss.

A class counts as shown where it has more than `threshold` of the mixed image. The paper sets every mixed class to 1.
Those who repeat it with timm set `--bce-target-thresh 0.2`, and so do we: with mixup's alpha of 0.1, half of its
batches hold less than a thousandth of one of the two images.

Where we differ: the paper evaluates on the central 224 of 236 px; a model that is trained here is evaluated as its
architecture's preprocessing in timm says.

Source: Wightman, Touvron and Jégou 2021, arXiv:2110.00476, table 2; the fill colour and interpolation are those of
mmpretrain's configuration.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from robustbench_cls.core.recipe import Recipe, Setting, Task
from robustbench_cls.recipes.mixup_cutmix import mix
from robustbench_cls.recipes.timm_policy import rand_augment


def augment(*, size: int, config: str) -> Callable[[Any], Any]:
    """timm's RandAugment for images of `size` px."""
    return rand_augment(size, config, "bicubic")


def objective(*, task: Task, threshold: float) -> Callable[[Any, Any, Any], Any]:
    """Binary cross entropy of each class.

    Raises:
        ValueError: the threshold is out of range.
    """
    from robustbench_cls.models.objectives import BinaryLoss

    if not 0 <= threshold < 1:
        raise ValueError(f"threshold must be at least 0 and under 1, not {threshold}")
    return BinaryLoss(task.smoothing, threshold)


def procedure(name: str, title: str, config: str, mixup_alpha: float, expected: str, **changes: Setting) -> Recipe:
    """One of the three.

    Args:
        name, title, expected: the recipe's.
        config: timm's name of its RandAugment.
        mixup_alpha: of mixup; CutMix has 1 in all of them.
        changes: to the regimen that they share.
    """
    shared: dict[str, Setting] = {
        "optimizer": "lamb",
        "lr_batch_size": 2048,
        "batch_size": 2048,
        "schedule": "cosine",
        "warmup_epochs": 5,
        "clip_grad": 0.0,
        "dropout": 0.0,
    }
    return Recipe(
        name=name,
        title=title,
        source="https://arxiv.org/abs/2110.00476",
        augment=augment,
        mix=mix,
        objective=objective,
        settings=MappingProxyType(
            {"config": config, "mixup_alpha": mixup_alpha, "cutmix_alpha": 1.0, "switch": 0.5, "threshold": 0.2}
        ),
        regimen=MappingProxyType({"": MappingProxyType({**shared, **changes})}),
        overlaps=("brightness", "contrast", "saturate"),
        expected=expected,
    )
