"""Accuracy in one condition."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.core.scopes import CONDITION, SHIFT


def top1_accuracy(sample: Sample) -> Float64Array:
    """Fraction of images whose likeliest answer is the label."""
    return sample.mean("correct")[:, 0]


def top5_accuracy(sample: Sample) -> Float64Array:
    """Fraction of images whose label is among the five likeliest answers."""
    return sample.mean("top5")[:, 0]


def error(sample: Sample) -> Float64Array:
    """Fraction of images that are answered wrongly: one less the top-1 accuracy."""
    return sample.errors()[:, 0]


def head_top1_accuracy(sample: Sample) -> Float64Array:
    """Fraction of right answers when every class of the head competes, whatever the suite's label space.

    Published as the "1000-way" number beside ImageNet-A's, where it is the lower one of the two. Where categories are
    answered, a class is right if it is one of the label's category.
    """
    return sample.mean("head_correct")[:, 0]


def accuracy_drop(sample: Sample) -> Float64Array:
    """Top-1 accuracy on the clean images of the same classes, less that on these."""
    return sample.errors()[:, 0] - sample.clean.errors()[:, 0]


TOP1 = Metric(
    name="top1_accuracy",
    title="Top-1 accuracy",
    scope=CONDITION,
    unit="fraction",
    higher_is_better=True,
    source="https://arxiv.org/abs/1409.0575",
    compute=top1_accuracy,
    phrase="top-1 accuracy",
    share_of="correct",
)

TOP5 = Metric(
    name="top5_accuracy",
    title="Top-5 accuracy",
    scope=CONDITION,
    unit="fraction",
    higher_is_better=True,
    source="https://arxiv.org/abs/1409.0575",
    compute=top5_accuracy,
    phrase="top-5 accuracy",
    share_of="top5",
)

ERROR = Metric(
    name="error",
    title="Top-1 error",
    scope=CONDITION,
    unit="fraction",
    higher_is_better=False,
    source="https://arxiv.org/abs/1409.0575",
    compute=error,
    phrase="top-1 error",
    share_of="correct",
)

HEAD_TOP1 = Metric(
    name="head_top1_accuracy",
    title="Top-1 accuracy, all classes of the head",
    scope=CONDITION,
    unit="fraction",
    higher_is_better=True,
    source="https://arxiv.org/abs/1907.07174",
    compute=head_top1_accuracy,
    phrase="top-1 accuracy among all classes of the head",
    share_of="head_correct",
)

DROP = Metric(
    name="accuracy_drop",
    title="Drop from clean accuracy",
    scope=SHIFT,
    unit="difference",
    higher_is_better=False,
    source="https://arxiv.org/abs/1907.07174",
    compute=accuracy_drop,
    phrase="drop from clean accuracy",
)
