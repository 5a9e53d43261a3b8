"""Triplet loss: features of a class nearer to each other than to those of another.

    robust train --recipe triplet --model resnet50

It costs next to nothing beside the forward pass. timm must be able to tell the architecture's features, as of nearly
all it can. No number is published for ImageNet. The settings are those of another task:
Hermans et al. 2017, for persons.
"""

from types import MappingProxyType
from typing import Any

from robustbench_cls.core.recipe import Recipe, Task


def objective(*, task: Task, triplet_weight: float, triplet_margin: float) -> Any:
    """The loss on features and labels."""
    from robustbench_cls.models.margins import Triplet

    return Triplet(triplet_weight, triplet_margin, task.smoothing)


RECIPE = Recipe(
    name="triplet",
    title="Triplet loss",
    source="https://arxiv.org/abs/1703.07737",
    objective=objective,
    settings=MappingProxyType({"triplet_weight": 0.5, "triplet_margin": 0.2}),
    expected="nothing published for ImageNet",
)
