"""ArcFace margin: the right class must win by an angle.

    robust train --recipe arcface --model resnet50

It costs next to nothing beside the forward pass. timm must be able to tell the architecture's features, as of nearly
all it can. No number is published for ImageNet. The settings are those of another task:
Deng et al. 2019, for faces: angle 0.5, scale 64.
"""

from types import MappingProxyType
from typing import Any

from robustbench_cls.core.recipe import Recipe, Task


def objective(*, task: Task, angle: float, scale: float) -> Any:
    """The loss on features and labels."""
    from robustbench_cls.models.margins import AngularMargin

    return AngularMargin(angle, scale, task.smoothing)


RECIPE = Recipe(
    name="arcface",
    title="ArcFace margin",
    source="https://arxiv.org/abs/1801.07698",
    objective=objective,
    settings=MappingProxyType({"angle": 0.2, "scale": 30.0}),
    expected="nothing published for ImageNet",
)
