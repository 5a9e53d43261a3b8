"""Root mean squared calibration error, as its published code computes it."""

import numpy as np

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.errors import NotApplicable
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.metrics.ranking import BIN, ranked


def compute(sample: Sample) -> Float64Array:
    """`rms_calibration_error` without its last bin, the most confident images, as its published code computes it."""
    size = len(sample.predictions.image_ids)
    if size < 2 * BIN:
        raise NotApplicable(f"The published RMS calibration error needs {2 * BIN} images, there are {size}.")
    found = ranked(sample)
    error_R: Float64Array = np.sqrt(np.maximum(found.squared_R - found.squared_first_R, 0.0))
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
