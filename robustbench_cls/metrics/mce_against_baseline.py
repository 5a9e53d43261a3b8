"""Mean corruption error against a baseline run."""

import numpy as np

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.metrics.alexnet import imagenet_c_sums, ratio


def compute(sample: Sample) -> Float64Array:
    """Mean of CE over the 15 corruptions of ImageNet-C, against the errors of the baseline run that the user named.

    For data of other classes than ImageNet's, and for other baselines than AlexNet. Never to be mixed with mCE.
    """
    baseline = sample.against()
    sums = imagenet_c_sums(sample.conditions, sample.errors())
    theirs = imagenet_c_sums(baseline.conditions, baseline.errors())
    mean_R: Float64Array = 100.0 * np.mean([ratio(sums[name], theirs[name]) for name in sums], axis=0)
    return mean_R


METRIC = Metric(
    name="mce_against_baseline",
    title="mCE against the baseline",
    scope="suite",
    unit="percent",
    higher_is_better=False,
    source="https://arxiv.org/abs/1903.12261",
    compute=compute,
)
