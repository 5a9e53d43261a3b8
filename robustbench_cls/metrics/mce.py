"""Mean corruption error."""

from robustbench_cls.core.metric import Metric, Predictions
from robustbench_cls.metrics.alexnet import errors_by_condition, mean_corruption_error, require_imagenet


def compute(predictions: Predictions) -> float:
    """Mean of CE over the 15 corruptions of ImageNet-C, in percent; AlexNet is 100."""
    require_imagenet(predictions)
    return mean_corruption_error(errors_by_condition(predictions))


METRIC = Metric(
    name="mce",
    title="mCE",
    scope="suite",
    unit="percent",
    higher_is_better=False,
    source="https://arxiv.org/abs/1903.12261",
    compute=compute,
)
