"""Noisy student: a second training learns from the first one's answers, on the labelled images and on others.

    robust train --recipe baseline --model efficientnet_b0
    robust train --recipe noisy-student --model efficientnet_b0 --set unlabelled=FOLDER \\
        --set teacher=reports/runs/efficientnet_b0-baseline-s0/best.pt

The loop goes on with the student as the teacher of the next one. The student's noise is RandAugment, and dropout and
stochastic depth where the regimen has them. A step costs the teacher's forward pass in addition.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from robustbench_cls.core.recipe import Recipe, Task
from robustbench_cls.recipes.randaugment import augment as randaugment


@dataclass(frozen=True)
class PlainAndNoisy:
    """Two views of an image: itself, and itself with noise."""

    noise: Callable[[Any], Any]

    def __call__(self, image: Any) -> tuple[Any, Any]:
        """The plain view first."""
        return image, self.noise(image)


def views(*, size: int, config: str) -> PlainAndNoisy:
    """The image, and the image after timm's RandAugment."""
    return PlainAndNoisy(randaugment(size=size, config=config))


def objective(*, task: Task) -> Any:
    """The student's loss against the teacher's answers to the plain view."""
    from robustbench_cls.models.objectives import Distillation, NoisyStudent

    return NoisyStudent(Distillation(task.models["teacher"], task.preprocessing), task.smoothing)


RECIPE = Recipe(
    name="noisy-student",
    title="Noisy student",
    source="https://arxiv.org/abs/1911.04252",
    views=views,
    objective=objective,
    models=("teacher",),
    unlabelled=("unlabelled",),
    settings=MappingProxyType({"teacher": "", "unlabelled": "", "config": "rand-m9-mstd0.5-inc1"}),
    overlaps=("brightness", "contrast", "saturate"),
    expected="EfficientNet-L2 with 300 M unlabelled images: 88.4 % top-1, mCE 28.3 (paper)",
)
