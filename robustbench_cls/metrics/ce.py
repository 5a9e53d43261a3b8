"""Corruption error of one corruption."""

from robustbench_cls.core.metric import Metric, Predictions
from robustbench_cls.metrics.alexnet import corruption_errors, errors_by_condition, require_imagenet


def compute(predictions: Predictions) -> float:
    """Error summed over the five severities, in percent of AlexNet's."""
    require_imagenet(predictions)
    return float(corruption_errors(errors_by_condition(predictions)).iloc[0])


METRIC = Metric(
    name="ce",
    title="CE",
    scope="corruption",
    unit="percent",
    higher_is_better=False,
    source="https://arxiv.org/abs/1903.12261",
    compute=compute,
)
