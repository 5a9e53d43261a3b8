"""Root mean squared calibration error, complete."""

import numpy as np

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.metrics.ranking import ranked


def compute(sample: Sample) -> Float64Array:
    """Root of the mean squared gap between confidence and accuracy, in bins of 100 images of like confidence.

    The last bin also holds what is left over. The code published with the source leaves it out:
    `rms_calibration_error_published` does the same.
    """
    error_R: Float64Array = np.sqrt(ranked(sample).squared_R)
    return error_R


METRIC = Metric(
    name="rms_calibration_error",
    title="RMS calibration error",
    scope="condition",
    unit="fraction",
    higher_is_better=False,
    source="https://arxiv.org/abs/1907.07174",
    compute=compute,
)
