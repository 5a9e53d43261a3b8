"""Relative mean corruption error."""

from robustbench_cls.core.corruption import IMAGENET_C, SEVERITIES
from robustbench_cls.core.errors import NotApplicable
from robustbench_cls.core.metric import Metric, Predictions
from robustbench_cls.metrics.alexnet import (
    CLEAN_ERROR,
    ERRORS,
    errors_by_condition,
    mean_corruption_error,
    require_imagenet,
)


def compute(predictions: Predictions) -> float:
    """Mean over corruptions of the rise above the clean error, in percent of AlexNet's rise.

    Never shown without mCE and the clean error beside it: a model that is bad on clean images has little
    left to lose and looks robust.
    """
    require_imagenet(predictions)
    if predictions.reference.empty:
        raise NotApplicable("Relative mCE needs the clean images of the same classes; no val/ was measured.")
    errors = errors_by_condition(predictions)
    mean_corruption_error(errors)
    clean = 1.0 - float(predictions.reference["correct"].mean())
    sums = errors.groupby("corruption")["error"].sum()
    count = len(SEVERITIES)
    ratios = [(sums[name] - count * clean) / (sum(ERRORS[name]) - count * CLEAN_ERROR) for name in IMAGENET_C]
    return 100.0 * float(sum(ratios)) / len(ratios)


METRIC = Metric(
    name="relative_mce",
    title="Relative mCE",
    scope="suite",
    unit="percent",
    higher_is_better=False,
    source="https://arxiv.org/abs/1903.12261",
    compute=compute,
)
