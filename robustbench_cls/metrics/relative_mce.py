"""Relative mean corruption error."""

import numpy as np

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.metrics.alexnet import imagenet_c_sums, relative, require_imagenet


def compute(sample: Sample) -> Float64Array:
    """Mean over corruptions of relative CE, the rise above the clean error in percent of AlexNet's rise.

    Never shown without mCE and the clean error beside it: a model that is bad on clean images has little
    left to lose and looks robust.
    """
    require_imagenet(sample)
    clean_R = sample.clean.errors()[:, 0]
    sums = imagenet_c_sums(sample.conditions, sample.errors())
    mean_R: Float64Array = np.mean([relative(name, sums_R, clean_R) for name, sums_R in sums.items()], axis=0)
    return mean_R


METRIC = Metric(
    name="relative_mce",
    title="Relative mCE",
    scope="suite",
    unit="percent",
    higher_is_better=False,
    source="https://arxiv.org/abs/1903.12261",
    compute=compute,
)
