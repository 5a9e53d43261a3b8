"""Mean of CE over the corruptions that no compared recipe contains."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.metrics.alexnet import mean_ce, require_imagenet, sums_by_corruption


def compute(sample: Sample) -> Float64Array:
    """Mean of CE over the corruptions of ImageNet-C that are in none of the recipes compared, in percent."""
    held_out = sample.held_out()
    require_imagenet(sample)
    return mean_ce(sums_by_corruption(held_out.conditions, held_out.errors()))


METRIC = Metric(
    name="held_out_mce",
    title="mCE, held-out corruptions",
    scope="suite",
    unit="percent",
    higher_is_better=False,
    source="https://arxiv.org/abs/2102.11273",
    compute=compute,
)
