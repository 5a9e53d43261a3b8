"""Effective robustness: accuracy under a shift beyond what the accuracy without it predicts.

Accuracies of many models lie near a line, if both are drawn on the logit scale; the distance from that line, in
accuracy, is what a model has beyond being accurate. The line is fitted here to the models that are compared, which
are fewer than the source's two hundred: it says how they differ from each other.

Source: Taori et al. 2020, arXiv:2007.00644.
"""

import numpy as np

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.errors import NotApplicable

NAME = "effective_robustness"

LEAST = 3
"""Models below which a line fits whatever it is."""


def effective_robustness(clean_MR: Float64Array, shifted_MR: Float64Array, images: int) -> Float64Array:
    """Accuracy under the shift, less that which the line through all models gives for the clean accuracy; MR.

    Args:
        clean_MR: top-1 accuracies, 0..1, of M models on R draws of images; fitted anew on each draw.
        shifted_MR: the same under the shift.
        images: from how many these come. Accuracies end half an image before 0 and 1, which have no logit.

    Raises:
        NotApplicable: under three models, or all of one clean accuracy.
    """
    if len(clean_MR) < LEAST:
        raise NotApplicable(f"Effective robustness needs {LEAST} models or more to fit a line to; got {len(clean_MR)}.")
    half = 0.5 / images
    x_MR, y_MR = (_logit(np.clip(accuracy_MR, half, 1 - half)) for accuracy_MR in (clean_MR, shifted_MR))
    spread_MR = x_MR - x_MR.mean(axis=0)
    variance_R = (spread_MR**2).sum(axis=0)
    if not variance_R[0] > 0:
        raise NotApplicable("Effective robustness needs models of unlike clean accuracy to fit a line to.")
    slope_R = (spread_MR * y_MR).sum(axis=0) / np.where(variance_R > 0, variance_R, np.inf)
    line_MR = y_MR.mean(axis=0) + slope_R * spread_MR
    beyond_MR: Float64Array = shifted_MR - 1 / (1 + np.exp(-line_MR))
    return beyond_MR


def _logit(values: Float64Array) -> Float64Array:
    logits: Float64Array = np.log(values / (1 - values))
    return logits
