"""Mean of CE over the corruptions that no compared recipe contains."""

import numpy as np

from robustbench_cls.core.kernel import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.metrics.alexnet import alexnet_sum, require_imagenet, sums_by_corruption


def compute(sample: Sample) -> Float64Array:
    """Mean of CE over the corruptions of ImageNet-C that are in none of the recipes compared, in percent."""
    held_out = sample.held_out()
    require_imagenet(sample)
    sums = sums_by_corruption(held_out.conditions, held_out.errors())
    mean_R: Float64Array = 100.0 * np.mean([sums_R / alexnet_sum(name) for name, sums_R in sums.items()], axis=0)
    return mean_R


METRIC = Metric(
    name="held_out_mce",
    title="mCE, held-out corruptions",
    scope="suite",
    unit="percent",
    higher_is_better=False,
    source="https://arxiv.org/abs/2102.11273",
    compute=compute,
)
