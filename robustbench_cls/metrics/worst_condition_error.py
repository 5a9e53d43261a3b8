"""Error in the worst condition."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample


def compute(sample: Sample) -> Float64Array:
    """Top-1 error in the condition in which it is highest.

    A maximum over noisy conditions, so a little higher than the error of the condition that is truly the worst; the
    interval allows for that.
    """
    worst_R: Float64Array = sample.errors().max(axis=1)
    return worst_R


METRIC = Metric(
    name="worst_condition_error",
    title="Error in the worst condition",
    scope="suite",
    unit="fraction",
    higher_is_better=False,
    source="https://arxiv.org/abs/1903.12261",
    compute=compute,
)
