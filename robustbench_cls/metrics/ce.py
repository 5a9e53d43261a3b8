"""Corruption error of one corruption."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.metrics.alexnet import alexnet_sum, require_imagenet, sums_by_corruption


def compute(sample: Sample) -> Float64Array:
    """Error summed over the five severities, in percent of AlexNet's."""
    require_imagenet(sample)
    ((name, sums_R),) = sums_by_corruption(sample.conditions, sample.errors()).items()
    return 100.0 * sums_R / alexnet_sum(name)


METRIC = Metric(
    name="ce",
    title="CE",
    scope="corruption",
    unit="percent",
    higher_is_better=False,
    source="https://arxiv.org/abs/1903.12261",
    compute=compute,
)
