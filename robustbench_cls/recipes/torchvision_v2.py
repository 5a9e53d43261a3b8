"""torchvision's second training recipe, of the weights that it calls IMAGENET1K_V2.

    robust train --recipe torchvision-v2 --model resnet50

600 epochs at 176 px with TrivialAugment, mixup or CutMix, random erasing, label smoothing, and an average of the
weights.

Cost: 0.4 ms an image at 176 px on one core besides the 1.3 of loading it, so 1.3 times the baseline's preparation, and
0.7 ms to erase and mix where the model runs.

Expected: ResNet-50, 80.86 % top-1, evaluated on the central 224 of 232 px; a model that is trained here is evaluated on
the size that it was trained on.

The average: torchvision updates it every 32 steps with a decay of 1 - (1 - 0.99998) * 1024 * 32 / 600, as its script
computes from batch and epochs. Here it is updated every step with the 32nd root of that. During the warm-up
torchvision's average is the weights themselves; after 600 epochs nothing is left of that difference. Set `ema_decay`
lower in a shorter training.

Source: `references/classification` of pytorch/vision; pytorch/vision issue 3995. Each image is erased and then mixed,
as there.
"""

from types import MappingProxyType

from robustbench_cls.core.recipe import Recipe
from robustbench_cls.recipes import mixup_cutmix
from robustbench_cls.recipes.erasing import EachImage, InTurn, in_turn
from robustbench_cls.recipes.trivialaugment import augment

BATCH, EPOCHS, STEPS = 1024, 600, 32

EMA_DECAY = (1 - (1 - 0.99998) * BATCH * STEPS / EPOCHS) ** (1 / STEPS)


def mix(
    *, num_classes: int, mixup_alpha: float, cutmix_alpha: float, switch: float, erase_probability: float
) -> InTurn:
    """torchvision's random erasing of each image, and then its MixUp or CutMix of the batch.

    Raises:
        ValueError: a setting is out of range.
    """
    from torchvision.transforms import v2

    mixing = mixup_cutmix.mix(
        num_classes=num_classes, mixup_alpha=mixup_alpha, cutmix_alpha=cutmix_alpha, switch=switch
    )
    return in_turn(EachImage(v2.RandomErasing(p=erase_probability, inplace=True)), mixing)


RECIPE = Recipe(
    name="torchvision-v2",
    title="torchvision's second recipe",
    source="https://github.com/pytorch/vision/issues/3995",
    augment=augment,
    mix=mix,
    settings=MappingProxyType(
        {
            "interpolation": "bilinear",
            "mixup_alpha": 0.2,
            "cutmix_alpha": 1.0,
            "switch": 0.5,
            "erase_probability": 0.1,
        }
    ),
    regimen=MappingProxyType(
        {
            "": {
                "optimizer": "momentum",  # timm's sgd has Nesterov's momentum
                "momentum": 0.9,
                "lr": 0.5,
                "lr_batch_size": BATCH,
                "batch_size": BATCH,
                "epochs": EPOCHS,
                "warmup_epochs": 5,
                "schedule": "cosine",
                "weight_decay": 2e-5,
                "label_smoothing": 0.1,
                "input_size": 176,
                "ema_decay": EMA_DECAY,
                "drop_path": 0.0,
                "dropout": 0.0,
                "clip_grad": 0.0,
            }
        }
    ),
    overlaps=("brightness", "contrast", "saturate"),
    expected="ResNet-50, 600 epochs at 176 px, evaluated at 224 px: 80.86 % top-1",
)
