"""Centre loss: features are pulled to the centre of their class.

    robust train --recipe centre --model resnet50

It costs next to nothing beside the forward pass. timm must be able to tell the architecture's features, as of nearly
all it can. No number is published for ImageNet. The settings are those of another task:
Wen et al. 2016, for faces: weight 0.003 to 0.01, rate 0.5.
"""

from types import MappingProxyType
from typing import Any

from robustbench_cls.core.recipe import Recipe, Task


def objective(*, task: Task, centre_weight: float, centre_rate: float) -> Any:
    """The loss on features and labels."""
    from robustbench_cls.models.margins import Centre

    return Centre(len(task.class_names), task.features, centre_weight, centre_rate, task.smoothing)


RECIPE = Recipe(
    name="centre",
    title="Centre loss",
    source="https://doi.org/10.1007/978-3-319-46478-7_31",
    objective=objective,
    settings=MappingProxyType({"centre_weight": 0.01, "centre_rate": 0.5}),
    expected="nothing published for ImageNet",
)
