"""Relative corruption error of one corruption."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.metrics.alexnet import relative, require_imagenet, sums_by_corruption


def compute(sample: Sample) -> Float64Array:
    """Rise above the clean error, summed over the five severities, in percent of AlexNet's rise."""
    require_imagenet(sample)
    clean_R = sample.clean.errors()[:, 0]
    ((name, sums_R),) = sums_by_corruption(sample.conditions, sample.errors()).items()
    return relative(name, sums_R, clean_R)


METRIC = Metric(
    name="relative_ce",
    title="Relative CE",
    scope="corruption",
    unit="percent",
    higher_is_better=False,
    source="https://arxiv.org/abs/1903.12261",
    compute=compute,
)
