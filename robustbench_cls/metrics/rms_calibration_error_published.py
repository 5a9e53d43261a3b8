"""Root mean squared calibration error, as its published code computes it."""

import numpy as np

from robustbench_cls.core.errors import NotApplicable
from robustbench_cls.core.kernel import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.metrics.ranking import squared_gaps


def compute(sample: Sample) -> Float64Array:
    """`rms_calibration_error` without its last bin, the most confident images, as its published code computes it."""
    size = len(sample.predictions.image_ids)
    squares_RB = squared_gaps(sample)
    if squares_RB.shape[1] < 2:
        raise NotApplicable(f"The published RMS calibration error needs 200 images, there are {size}.")
    error_R: Float64Array = np.sqrt(squares_RB[:, :-1].sum(axis=1) / size)
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
