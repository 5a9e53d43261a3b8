"""Mean error over corruptions and severities, without a baseline."""

from robustbench_cls.core.corruption import EXTRA
from robustbench_cls.core.errors import NotApplicable
from robustbench_cls.core.metric import Metric, Predictions
from robustbench_cls.metrics.alexnet import errors_by_condition


def compute(predictions: Predictions) -> float:
    """Mean of the top-1 error over every corruption and severity, each condition counted once.

    Another number than mCE (ResNet-50: 60.8 % against an mCE of 76.7): it has meaning on any classes.
    """
    errors = errors_by_condition(predictions)
    counted = errors[~errors["corruption"].isin(EXTRA)]
    if counted.empty:
        raise NotApplicable("The mean corruption error is over corruptions; these results have none of ImageNet-C's.")
    return float(counted["error"].mean())


METRIC = Metric(
    name="mean_corruption_error_unnormalised",
    title="Mean corruption error, unnormalised",
    scope="suite",
    unit="fraction",
    higher_is_better=False,
    source="https://arxiv.org/abs/1903.12261",
    compute=compute,
)
