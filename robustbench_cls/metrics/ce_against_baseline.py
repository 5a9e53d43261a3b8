"""Corruption error of one corruption against a baseline run."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.metrics.alexnet import ratio, sums_by_corruption


def compute(sample: Sample) -> Float64Array:
    """Error summed over the five severities, in percent of that of the baseline run that the user named."""
    baseline = sample.against().only(sample.conditions)
    ((_, sums_R),) = sums_by_corruption(sample.conditions, sample.errors()).items()
    ((_, baseline_R),) = sums_by_corruption(baseline.conditions, baseline.errors()).items()
    return 100.0 * ratio(sums_R, baseline_R)


METRIC = Metric(
    name="ce_against_baseline",
    title="CE against the baseline",
    scope="corruption",
    unit="percent",
    higher_is_better=False,
    source="https://arxiv.org/abs/1903.12261",
    compute=compute,
)
