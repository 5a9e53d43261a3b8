"""Focal loss: images that the model is already sure of count less.

    robust train --recipe focal --model resnet50

For classes of very different sizes, and for probabilities that are not too sure of themselves. An image's cross entropy
is weighed by (1 - p) ^ gamma, p being the probability of its class. It takes the baseline's time.

Labels are not smoothed, since that and the focal loss are two answers to the same question. No number is published for
ImageNet: the source detects objects.

Source: Lin et al. 2017, arXiv:1708.02002; for probabilities, Mukhoti et al. 2020, arXiv:2002.09437.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from robustbench_cls.core.recipe import Recipe, Task


def objective(*, task: Task, gamma: float) -> Callable[[Any, Any, Any], Any]:
    """The focal loss; a gamma of 0 makes it cross entropy.

    Raises:
        ValueError: gamma is negative or not finite.
    """
    from robustbench_cls.models.objectives import Focal

    if not 0 <= gamma < float("inf"):
        raise ValueError(f"gamma must be at least 0 and finite, not {gamma}")
    return Focal(gamma, task.smoothing)


RECIPE = Recipe(
    name="focal",
    title="Focal loss",
    source="https://arxiv.org/abs/1708.02002",
    objective=objective,
    settings=MappingProxyType({"gamma": 2.0}),
    regimen=MappingProxyType({"": {"label_smoothing": 0.0}}),
)
