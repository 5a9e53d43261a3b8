"""Class weights: images of rare classes count more.

    robust train --recipe class-weighted --model resnet50

An image's cross entropy is weighed by (1 / images of its class) ^ power. With a power of 1 all classes weigh the same
in sum, as scikit-learn's "balanced" has it, with 0.5 they are halfway to that. The mean weight of a training image is
1, so the rate stays right. It takes the baseline's time.

On classes of equal size, as ImageNet nearly has, nothing changes; so there is no number to expect.

Source: `compute_class_weight` of scikit-learn, after King and Zeng 2001, doi:10.1093/oxfordjournals.pan.a004868.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from robustbench_cls.core.recipe import Recipe, Task


def objective(*, task: Task, power: float) -> Callable[[Any, Any, Any], Any]:
    """Cross entropy with the classes' weights.

    Raises:
        ValueError: the power is out of range.
    """
    from robustbench_cls.models.objectives import ClassWeighted

    if not 0 <= power <= 2:
        raise ValueError(f"power must be 0 to 2, not {power}")
    return ClassWeighted.of_counts(task.counts_C, power, task.smoothing)


RECIPE = Recipe(
    name="class-weighted",
    title="Class weights",
    source="https://scikit-learn.org/stable/modules/generated/sklearn.utils.class_weight.compute_class_weight.html",
    objective=objective,
    settings=MappingProxyType({"power": 1.0}),
)
