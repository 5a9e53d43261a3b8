"""The two parts of a training: a recipe (what the model learns from) and a regimen (how it is optimised)."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Setting: TypeAlias = int | float | str | bool


def _setting(default: Setting, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class Regimen:
    """How the weights are optimised. Each field says in its metadata what it means, as `robust list settings` shows it.

    `batch_size` is images of one optimiser step, whatever the number of micro-batches or processes, so that the rate
    and its schedule do not change with the machine.
    """

    optimizer: str = _setting(
        "sgd", "a name that timm's create_optimizer_v2 knows, such as sgd, adamw, lookahead_adamw"
    )
    lr: float = _setting(0.1, "learning rate at lr_batch_size images a step; scaled by batch_size / lr_batch_size")
    lr_batch_size: int = _setting(256, "the batch that lr is meant for")
    batch_size: int = _setting(256, "largest number of images in a step; an epoch's steps are of equal size")
    epochs: int = _setting(90, "passes over the training images")
    warmup_epochs: int = _setting(5, "epochs in which the rate rises; at most a quarter of all")
    schedule: str = _setting(
        "cosine", "how the rate changes: cosine, step, one-cycle, sgdr, constant, or another of timm's"
    )
    weight_decay: float = _setting(1e-4, "of the optimizer; biases and norms have none")
    label_smoothing: float = _setting(0.1, "share of the target that all classes get")
    crop_scale_min: float = _setting(0.08, "least area of the random resized crop, as a fraction of the image")
    clip_grad: float = _setting(0.0, "greatest norm of the gradient; 0 for none")
    drop_path: float = _setting(0.0, "stochastic depth rate; 0 where the architecture has none")
    input_size: int = _setting(0, "side of the input in px; 0 for the architecture's own")
    minival: float = _setting(0.02, "share of the training images that is held out and chooses best.pt; 0 for none")
    patience: int = _setting(0, "epochs without a better minival accuracy after which training ends; 0 for all epochs")
    momentum: float = _setting(0.9, "of optimizers that have one")
    eps: float = _setting(0.0, "of optimizers that divide by a root of squares; 0 for timm's default")
    micro_batch: int = _setting(
        0, "images of one forward pass, of which batch norm and mixing are made; 0 for a step's"
    )
    ema_decay: float = _setting(0.0, "decay a step of the average of weights and buffers that is measured; 0 for none")
    layer_decay: float = _setting(1.0, "factor on the rate from each layer to the one before it")
    decay_epochs: float = _setting(0.0, "with schedule=step: epochs between two cuts of the rate; 0 for a third of all")
    decay_rate: float = _setting(0.1, "with schedule=step: factor of each cut")
    cycles: int = _setting(1, "with schedule=sgdr: how often the rate starts again")
    dropout: float = _setting(0.0, "dropout rate before the head")
    repeats: int = _setting(
        1, "how often an image stands in a batch, augmented anew; an epoch covers fewer different images"
    )
    crop_padding: int = _setting(
        0, "px around the image, of which a crop of its own size is taken; 0 for resized crops"
    )
    start_size: int = _setting(0, "side of the input in the first epoch; it grows to input_size; 0 for no growth")
    size_range: float = _setting(0.0, "multi-scale: each step's side is drawn within this share of input_size")
    tune: str = _setting("all", "what learns: all, head, or last-N for the head and the last N blocks")
    sync_batch_norm: bool = _setting(False, "batch norms take their statistics from the micro-batches of all processes")
    checkpointing: bool = _setting(False, "compute activations again in the backward pass: less memory, more time")
    compile: bool = _setting(False, "run the network through torch.compile")


@dataclass(frozen=True)
class Task:
    """The facts of a training that a recipe's objective may use.

    Attributes:
        class_names: of the head, in order.
        counts_C: training images of each class.
        smoothing: the regimen's `label_smoothing`.
        preprocessing: how images are shown to the network.
        features: width of the layer before the head.
        models: the Classifier that each of the recipe's `models` settings names.
    """

    class_names: tuple[str, ...]
    counts_C: npt.NDArray[np.int64]
    smoothing: float
    preprocessing: Any = None
    features: int = 0
    models: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def nothing(**settings: Any) -> None:
    """The function of a recipe that has none of its own: it gives None."""


def accepted(function: Callable[..., Any], settings: Mapping[str, Setting]) -> dict[str, Setting]:
    """The settings that a function has parameters for."""
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return dict(settings)
    return {name: value for name, value in settings.items() if name in {parameter.name for parameter in parameters}}


Augment: TypeAlias = Callable[..., Callable[[Any], Any] | None]
Views: TypeAlias = Callable[..., Callable[[Any], tuple[Any, ...]] | None]
Mix: TypeAlias = Callable[..., Callable[[Any, Any], tuple[Any, Any]] | None]
Objective: TypeAlias = Callable[..., Callable[[Any, Any, Any], Any] | None]


@dataclass(frozen=True)
class Recipe:
    """An augmentation recipe.

    Attributes:
        augment: called with the recipe's settings and `size` (input side in px); gives a function from
            PIL image to PIL image, applied after the random crop and flip, or None.
        views: called as `augment`; gives a function from PIL image to V PIL images of the same size, or None.
            It is applied after `augment`.
        mix: called with the recipe's settings and `num_classes`; gives a function from (images_B3HW,
            labels_B) to (images_B3HW, targets_BC), or None.
        objective: called with the recipe's settings and `task`, a `Task`; gives a function from (network,
            images_VB3HW, targets) to the loss, a mean over the batch, or None for cross entropy. A
            `torch.nn.Module` may have buffers; a checkpoint keeps them.
        models: settings that name a classifier as `robust eval` takes it; `task.models` holds the loaded ones.
        folders: settings that name further folders of training images with the same classes, separated as in PATH.
        unlabelled: settings that name a folder of images without labels, in any folders or none, or are empty; their
            targets are -1, which the objective must know.
        pictures: settings that name a folder of pictures that the augmentation draws from, or are empty; what the
            folder holds is part of the training's identity.
        settings: what these functions take, with defaults; `--set` overrides them by their type.
        regimen: changes to the architecture family's regimen, by family; `""` stands for every family.
        overlaps: the test corruptions that the augmentation contains, with the reason at hand in `source`.
        expected: what the source publishes for it, as text.
    """

    name: str
    title: str
    source: str
    augment: Augment = nothing
    views: Views = nothing
    mix: Mix = nothing
    objective: Objective = nothing
    models: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=lambda: MappingProxyType({}))
    regimen: Mapping[str, Mapping[str, Setting]] = field(default_factory=lambda: MappingProxyType({}))
    overlaps: tuple[str, ...] = ()
    expected: str = ""
