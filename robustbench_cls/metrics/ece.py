"""Expected calibration error."""

import numpy as np

from robustbench_cls.core.kernel import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.metrics.ranking import bin_sums, ranked

BINS = 15


def compute(sample: Sample) -> Float64Array:
    """Expected calibration error: |confidence - accuracy| in 15 bins of equal width, weighted by their images.

    A bin holds the confidences above its lower edge, up to its upper one.
    """
    ranking = ranked(sample)
    edges = np.linspace(0, 1, BINS + 1)[1:-1].astype(np.float32)
    starts_B = np.searchsorted(ranking.confidence_N, edges, side="right")
    gaps_RB, _ = bin_sums(sample, ranking, starts_B)
    error_R: Float64Array = np.abs(gaps_RB).sum(axis=1) / len(ranking.order_N)
    return error_R


METRIC = Metric(
    name="ece",
    title="ECE",
    scope="condition",
    unit="fraction",
    higher_is_better=False,
    source="https://arxiv.org/abs/1706.04599",
    compute=compute,
)
