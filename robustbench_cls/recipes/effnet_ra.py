"""EfficientNet with RandAugment, as timm's training examples have it.

    robust train --recipe effnet-ra --model efficientnet_b0

450 epochs of RMSprop with RandAugment, random erasing, dropout, stochastic depth, and an average of the weights.

Cost: 0.6 ms an image at 224 px on one core besides the 1.1 of loading it, so 1.6 times the baseline's preparation, and
0.3 ms to erase where the model runs.

Expected: EfficientNet-B0, 77.7 % top-1.

Source: "EfficientNet-B0 with RandAugment" in timm's training examples; the warm-up of 3 epochs and the label smoothing
of 0.1 are its script's defaults.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from robustbench_cls.core.recipe import Recipe
from robustbench_cls.recipes.erasing import Erasing
from robustbench_cls.recipes.timm_policy import rand_augment


def augment(*, size: int, config: str) -> Callable[[Any], Any]:
    """timm's RandAugment for images of `size` px."""
    return rand_augment(size, config, "random")


def mix(*, num_classes: int, erase_probability: float) -> Erasing:
    """timm's random erasing of each image of a batch.

    Raises:
        ValueError: the probability is out of range.
    """
    return Erasing(erase_probability)


RECIPE = Recipe(
    name="effnet-ra",
    title="EfficientNet with RandAugment",
    source="https://huggingface.co/docs/timm/training_script",
    augment=augment,
    mix=mix,
    settings=MappingProxyType({"config": "rand-m9-mstd0.5", "erase_probability": 0.2}),
    regimen=MappingProxyType(
        {
            "": {
                "optimizer": "rmsproptf",
                "eps": 0.001,
                "momentum": 0.9,
                "lr": 0.048,
                "lr_batch_size": 768,
                "batch_size": 768,
                "epochs": 450,
                "warmup_epochs": 3,
                "schedule": "step",
                "decay_epochs": 2.4,
                "decay_rate": 0.97,
                "weight_decay": 1e-5,
                "label_smoothing": 0.1,
                "dropout": 0.2,
                "drop_path": 0.2,
                "ema_decay": 0.9999,
                "clip_grad": 0.0,
            }
        }
    ),
    overlaps=("brightness", "contrast", "saturate"),
    expected="EfficientNet-B0, 450 epochs: 77.7 % top-1",
)
