"""Calibration: whether a model's confidences can be believed."""

import numpy as np

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.errors import NotApplicable
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.core.scopes import CONDITION, SUITE
from robustbench_cls.metrics.ranking import BIN, ranked

GUO = "https://arxiv.org/abs/1706.04599"
OVADIA = "https://arxiv.org/abs/1906.02530"


def nll(sample: Sample) -> Float64Array:
    """Mean of -log of the label's probability, in nats."""
    return sample.mean("nll")[:, 0]


def brier(sample: Sample) -> Float64Array:
    """Mean over images of the squared distance between probabilities and the one-hot label, summed over classes: 0..2.

    Brier's own definition, which for two classes is twice the one of binary classifiers.
    """
    return sample.mean("brier")[:, 0]


def ece(sample: Sample) -> Float64Array:
    """Expected calibration error: |confidence - accuracy| in 15 bins of equal width, weighted by their images.

    A bin holds the confidences above its lower edge, up to its upper one.
    """
    return ranked(sample).equal_width_R


def adaptive_ece(sample: Sample) -> Float64Array:
    """Expected calibration error in 15 bins that hold equally many images, of the likeliest class."""
    return ranked(sample).equal_mass_R


def rms_calibration_error(sample: Sample) -> Float64Array:
    """Root of the mean squared gap between confidence and accuracy, in bins of 100 images of like confidence.

    The last bin also holds what is left over. The code published with the source leaves it out:
    `rms_calibration_error_published` does the same.
    """
    error_R: Float64Array = np.sqrt(ranked(sample).squared_R)
    return error_R


def rms_calibration_error_published(sample: Sample) -> Float64Array:
    """`rms_calibration_error` without its last bin, the most confident images, as its published code computes it."""
    size = len(sample.predictions.image_ids)
    if size < 2 * BIN:
        raise NotApplicable(f"The published RMS calibration error needs {2 * BIN} images, there are {size}.")
    found = ranked(sample)
    error_R: Float64Array = np.sqrt(np.maximum(found.squared_R - found.squared_first_R, 0.0))
    return error_R


def mean_ece(sample: Sample) -> Float64Array:
    """Mean of the expected calibration error over the corruptions and severities that enter the mean error."""
    single = [sample.only([condition]) for condition in sample.conditions]
    mean_R: Float64Array = np.mean([ranked(one).equal_width_R for one in single], axis=0)
    return mean_R


def mean_nll(sample: Sample) -> Float64Array:
    """Mean of the negative log-likelihood over the corruptions and severities that enter the mean error."""
    mean_R: Float64Array = sample.mean("nll").mean(axis=1)
    return mean_R


NLL = Metric(
    name="nll",
    title="Negative log-likelihood",
    scope=CONDITION,
    unit="nats",
    higher_is_better=False,
    source=GUO,
    compute=nll,
    phrase="negative log-likelihood",
)

BRIER = Metric(
    name="brier",
    title="Brier score",
    scope=CONDITION,
    unit="number",
    higher_is_better=False,
    source="https://doi.org/10.1175/1520-0493(1950)078%3C0001:VOFEIT%3E2.0.CO;2",
    compute=brier,
)

ECE = Metric(
    name="ece",
    title="ECE",
    scope=CONDITION,
    unit="fraction",
    higher_is_better=False,
    source=GUO,
    compute=ece,
)

ADAPTIVE_ECE = Metric(
    name="adaptive_ece",
    title="Adaptive ECE",
    scope=CONDITION,
    unit="fraction",
    higher_is_better=False,
    source="https://arxiv.org/abs/1904.01685",
    compute=adaptive_ece,
    phrase="adaptive ECE",
)

RMS = Metric(
    name="rms_calibration_error",
    title="RMS calibration error",
    scope=CONDITION,
    unit="fraction",
    higher_is_better=False,
    source="https://arxiv.org/abs/1907.07174",
    compute=rms_calibration_error,
)

RMS_PUBLISHED = Metric(
    name="rms_calibration_error_published",
    title="RMS calibration error, as published",
    scope=CONDITION,
    unit="fraction",
    higher_is_better=False,
    source="https://github.com/hendrycks/natural-adv-examples",
    compute=rms_calibration_error_published,
)

MEAN_ECE = Metric(
    name="mean_ece",
    title="Mean ECE over corruptions",
    scope=SUITE,
    unit="fraction",
    higher_is_better=False,
    source=OVADIA,
    compute=mean_ece,
    phrase="mean ECE over corruptions",
)

MEAN_NLL = Metric(
    name="mean_nll",
    title="Mean NLL over corruptions",
    scope=SUITE,
    unit="nats",
    higher_is_better=False,
    source=OVADIA,
    compute=mean_nll,
    phrase="mean NLL over corruptions",
)
