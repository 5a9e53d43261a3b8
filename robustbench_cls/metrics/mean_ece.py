"""Mean over corruptions and severities of the expected calibration error."""

import numpy as np

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.metrics.ranking import ranked


def compute(sample: Sample) -> Float64Array:
    """Mean of the expected calibration error over the corruptions and severities that enter the mean error."""
    single = [sample.only([condition]) for condition in sample.averaged()]
    mean_R: Float64Array = np.mean([ranked(one).equal_width_R for one in single], axis=0)
    return mean_R


METRIC = Metric(
    name="mean_ece",
    title="Mean ECE over corruptions",
    scope="suite",
    unit="fraction",
    higher_is_better=False,
    source="https://arxiv.org/abs/1906.02530",
    compute=compute,
)
