"""Knowledge distillation: the model learns from another's answers as well as from the labels.

    robust train --recipe distillation --model resnet18 --set teacher=best.pt

The teacher is any classifier that `robust eval` takes, with the same classes in the same order. It is shown the same
pixels, in its own normalisation and size. `teacher_weight` is its share in the loss, `temperature` softens both
answers, and `hard` takes the teacher's answer for a label. It goes together with recipes that augment or mix:
`--recipe mixup-cutmix+distillation`. Each step takes the teacher's forward pass besides the baseline's time.

Expected: ResNet-18 with a ResNet-34 for a teacher, 70.7 % top-1, against 69.8 % without one (Tian et al. 2020,
arXiv:1910.10699).

Source: Hinton et al. 2015, arXiv:1503.02531; the defaults, and `hard`, are those of facebookresearch/deit.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from robustbench_cls.core.recipe import Recipe, Task


def objective(*, task: Task, temperature: float, teacher_weight: float, hard: bool) -> Callable[[Any, Any, Any], Any]:
    """Cross entropy of the labels, and the divergence from the teacher's answers.

    Raises:
        ValueError: a setting is out of range.
    """
    from robustbench_cls.models.objectives import Distillation

    if not 0 < temperature < float("inf"):
        raise ValueError(f"temperature must be over 0 and finite, not {temperature}")
    if not 0 <= teacher_weight <= 1:
        raise ValueError(f"teacher_weight must be 0 to 1, not {teacher_weight}")
    return Distillation(task.models["teacher"], task.preprocessing, teacher_weight, temperature, hard, task.smoothing)


RECIPE = Recipe(
    name="distillation",
    title="Distillation",
    source="https://arxiv.org/abs/1503.02531",
    objective=objective,
    models=("teacher",),
    settings=MappingProxyType({"teacher": "", "temperature": 1.0, "teacher_weight": 0.5, "hard": False}),
    expected="ResNet-18 taught by ResNet-34: 70.7 % top-1, 69.8 % without a teacher",
)
