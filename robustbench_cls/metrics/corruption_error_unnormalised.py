"""Mean error of one corruption, without a baseline."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample


def compute(sample: Sample) -> Float64Array:
    """Mean of the top-1 error over the severities of one corruption."""
    return sample.mean_error()


METRIC = Metric(
    name="corruption_error_unnormalised",
    title="Mean error of a corruption",
    scope="corruption",
    unit="fraction",
    higher_is_better=False,
    source="https://arxiv.org/abs/1903.12261",
    compute=compute,
)
