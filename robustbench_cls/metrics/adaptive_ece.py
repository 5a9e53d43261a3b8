"""Expected calibration error in bins of equal mass."""

import numpy as np

from robustbench_cls.core.kernel import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.metrics.ranking import bin_sums, ranked

BINS = 15


def compute(sample: Sample) -> Float64Array:
    """Expected calibration error in 15 bins that hold equally many images, of the likeliest class."""
    ranking = ranked(sample)
    size = len(ranking.order_N)
    gaps_RB, _ = bin_sums(sample, ranking, np.arange(1, BINS) * size // BINS)
    error_R: Float64Array = np.abs(gaps_RB).sum(axis=1) / size
    return error_R


METRIC = Metric(
    name="adaptive_ece",
    title="Adaptive ECE",
    scope="condition",
    unit="fraction",
    higher_is_better=False,
    source="https://arxiv.org/abs/1904.01685",
    compute=compute,
)
