"""Mean corruption error."""

import numpy as np

from robustbench_cls.core.kernel import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.metrics.alexnet import alexnet_sum, imagenet_c_sums, require_imagenet


def compute(sample: Sample) -> Float64Array:
    """Mean of CE over the 15 corruptions of ImageNet-C, in percent; AlexNet is 100."""
    require_imagenet(sample)
    sums = imagenet_c_sums(sample.conditions, sample.errors())
    mean_R: Float64Array = 100.0 * np.mean([sums_R / alexnet_sum(name) for name, sums_R in sums.items()], axis=0)
    return mean_R


METRIC = Metric(
    name="mce",
    title="mCE",
    scope="suite",
    unit="percent",
    higher_is_better=False,
    source="https://arxiv.org/abs/1903.12261",
    compute=compute,
)
