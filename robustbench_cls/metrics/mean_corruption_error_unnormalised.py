"""Mean error over corruptions and severities, without a baseline."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample


def compute(sample: Sample) -> Float64Array:
    """Mean of the top-1 error over every corruption and severity, each condition counted once.

    Another number than mCE (ResNet-50: 60.8 % against an mCE of 76.7): it has meaning on any classes.
    """
    return sample.only(sample.averaged()).mean_error()


METRIC = Metric(
    name="mean_corruption_error_unnormalised",
    title="Mean corruption error, unnormalised",
    scope="suite",
    unit="fraction",
    higher_is_better=False,
    source="https://arxiv.org/abs/1903.12261",
    compute=compute,
)
