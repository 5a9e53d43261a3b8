"""Root mean squared calibration error, as its published code computes it."""

import numpy as np

from robustbench_cls.core.errors import NotApplicable
from robustbench_cls.core.kernel import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.metrics.ranking import bin_sums, of_a_hundred, ranked


def compute(sample: Sample) -> Float64Array:
    """`rms_calibration_error` without its last bin, the most confident images, as its published code computes it."""
    ranking = ranked(sample)
    size = len(ranking.order_N)
    starts_B = of_a_hundred(size)
    if not len(starts_B):
        raise NotApplicable(f"The published RMS calibration error needs 200 images, there are {size}.")
    gaps_RB, counts_RB = bin_sums(sample, ranking, starts_B)
    error_R: Float64Array = np.sqrt((gaps_RB**2 / np.maximum(counts_RB, 1))[:, :-1].sum(axis=1) / size)
    return error_R


METRIC = Metric(
    name="rms_calibration_error_published",
    title="RMS calibration error, as published",
    scope="condition",
    unit="fraction",
    higher_is_better=False,
    source="https://github.com/hendrycks/natural-adv-examples",
    compute=compute,
)
