"""The two parts of a training: a recipe (what the model learns from) and a regimen (how it is optimised)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

Setting: TypeAlias = int | float | str | bool


MEANINGS = {
    "optimizer": "a name that timm's create_optimizer_v2 knows",
    "lr": "learning rate at lr_batch_size images a step; in proportion to the real batch",
    "lr_batch_size": "the batch that lr is meant for",
    "batch_size": "images of a step",
    "epochs": "passes over the training images",
    "warmup_epochs": "epochs in which the rate rises; at most a quarter of all",
    "schedule": "of the rate: cosine, step, constant, ...",
    "weight_decay": "of the optimizer",
    "label_smoothing": "share of the target that all classes get",
    "crop_scale_min": "least area of the random resized crop, as a fraction of the image",
    "clip_grad": "greatest norm of the gradient; 0 for none",
    "drop_path": "stochastic depth rate; 0 where the architecture has none",
    "input_size": "side of the input in px; 0 for the architecture's own",
}
"""Of each field of a regimen, as lists show it."""


@dataclass(frozen=True)
class Regimen:
    """How the weights are optimised.

    Attributes:
        optimizer: a name that timm's `create_optimizer_v2` knows.
        lr: learning rate at `lr_batch_size` images a step; scaled in proportion to the real batch.
        schedule: a name that timm's `create_scheduler_v2` knows: `cosine`, `step`, ...
        crop_scale_min: least area of the random resized crop, as a fraction of the image.
        clip_grad: greatest norm of the gradient; 0 for none.
        drop_path: stochastic depth rate; must be 0 where the architecture has none.
        input_size: side of the square input in px; 0 for the architecture's own.
    """

    optimizer: str = "sgd"
    lr: float = 0.1
    lr_batch_size: int = 256
    batch_size: int = 256
    epochs: int = 90
    warmup_epochs: int = 5
    schedule: str = "cosine"
    weight_decay: float = 1e-4
    label_smoothing: float = 0.1
    crop_scale_min: float = 0.08
    clip_grad: float = 0.0
    drop_path: float = 0.0
    input_size: int = 0


def _nothing(**settings: Setting) -> None:
    return None


@dataclass(frozen=True)
class Recipe:
    """An augmentation recipe.

    Attributes:
        augment: called with the recipe's settings and `size` (input side in px); gives a function from
            PIL image to PIL image, applied after the random crop and flip, or None.
        mix: called with the recipe's settings and `num_classes`; gives a function from (images_B3HW,
            labels_B) to (images_B3HW, targets_BC), or None.
        settings: what `augment` and `mix` take, with defaults; `--set` overrides them by their type.
        regimen: changes to the architecture family's regimen, by family; `""` stands for every family.
        overlaps: the test corruptions that the augmentation contains, with the reason at hand in `source`.
        expected: what the source publishes for it, as text.
    """

    name: str
    title: str
    source: str
    augment: Callable[..., Callable[[Any], Any] | None] = _nothing
    mix: Callable[..., Callable[[Any, Any], tuple[Any, Any]] | None] = _nothing
    settings: Mapping[str, Setting] = field(default_factory=lambda: MappingProxyType({}))
    regimen: Mapping[str, Mapping[str, Setting]] = field(default_factory=lambda: MappingProxyType({}))
    overlaps: tuple[str, ...] = ()
    expected: str = ""
