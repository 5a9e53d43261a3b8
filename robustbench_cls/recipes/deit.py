"""DeiT: vision transformers trained on ImageNet alone.

    robust train --recipe deit --model deit_small_patch16_224

300 epochs of AdamW with RandAugment, random erasing, mixup or CutMix, label smoothing, stochastic depth, and each image
three times in a batch.

Cost: 0.8 ms an image at 224 px on one core besides the 1.1 of loading it, so 1.7 times the baseline's preparation, and
0.9 ms to erase and mix where the model runs.

Expected: DeiT-S, 79.9 % top-1; DeiT-B, 81.8 %.

Source: Touvron et al. 2020, arXiv:2012.12877, table 9; `main.py` and `datasets.py` of facebookresearch/deit. Each image
is erased and then mixed, as there.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from robustbench_cls.core.recipe import Recipe
from robustbench_cls.recipes import mixup_cutmix
from robustbench_cls.recipes.erasing import Erasing, InTurn, in_turn
from robustbench_cls.recipes.timm_policy import rand_augment


def augment(*, size: int, config: str) -> Callable[[Any], Any]:
    """timm's RandAugment for images of `size` px."""
    return rand_augment(size, config, "bicubic")


def mix(
    *, num_classes: int, mixup_alpha: float, cutmix_alpha: float, switch: float, erase_probability: float
) -> InTurn:
    """timm's random erasing of each image, and then torchvision's MixUp or CutMix of the batch.

    Raises:
        ValueError: a setting is out of range.
    """
    mixing = mixup_cutmix.mix(
        num_classes=num_classes, mixup_alpha=mixup_alpha, cutmix_alpha=cutmix_alpha, switch=switch
    )
    return in_turn(Erasing(erase_probability), mixing)


RECIPE = Recipe(
    name="deit",
    title="DeiT",
    source="https://arxiv.org/abs/2012.12877",
    augment=augment,
    mix=mix,
    settings=MappingProxyType(
        {
            "config": "rand-m9-mstd0.5-inc1",
            "mixup_alpha": 0.8,
            "cutmix_alpha": 1.0,
            "switch": 0.5,
            "erase_probability": 0.25,
        }
    ),
    regimen=MappingProxyType(
        {
            "": {
                "optimizer": "adamw",
                "lr": 5e-4,
                "lr_batch_size": 512,
                "batch_size": 1024,
                "epochs": 300,
                "warmup_epochs": 5,
                "schedule": "cosine",
                "weight_decay": 0.05,
                "label_smoothing": 0.1,
                "drop_path": 0.1,
                "dropout": 0.0,
                "clip_grad": 0.0,
                "repeats": 3,
            }
        }
    ),
    overlaps=("brightness", "contrast", "saturate"),
    expected="DeiT-S / DeiT-B, 300 epochs: 79.9 / 81.8 % top-1",
)
