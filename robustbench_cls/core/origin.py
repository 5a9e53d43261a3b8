"""Where a model is from: its architecture, its weights and its training."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from robustbench_cls.core.recipe import Setting
from robustbench_cls.core.records import added


@dataclass(frozen=True)
class Origin:
    """The making of a model, as far as it is known. It explains numbers and decides none; unknown facts are empty.

    Attributes:
        architecture: timm's or torchvision's name, or the file of a program.
        weights: the file, or the library that published them.
        recipe: its name, where `robust train` made the weights.
        overlaps: test corruptions that the recipe's augmentation contains.
        settings: of recipe and regimen.
        seed: of the training.
        data: fingerprint of the training data.
        epoch: epochs finished.
        base: the model that this one is a compression of.
        versions: of the libraries it was trained with.
        selected_on: fingerprint of the `val` images whose accuracy chose the epoch.
        selection: what chose the epoch: `val`, `minival` (held-out training images), or `last epoch`.
        models: classifiers that the recipe learned from.
        started_from: the weights that the training began with.
        notes: what readers of its numbers should know of the training.
    """

    architecture: str = ""
    weights: str = ""
    recipe: str = ""
    overlaps: tuple[str, ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=lambda: MappingProxyType({}))
    seed: int | None = None
    data: str = ""
    epoch: int | None = None
    base: str = ""
    versions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    selected_on: str = added("")
    notes: tuple[str, ...] = added(())
    selection: str = added("")
    models: tuple[str, ...] = added(())
    started_from: str = added("")
