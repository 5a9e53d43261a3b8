"""Flips: how steadily a model answers as a corruption grows."""

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.errors import NotApplicable
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.predictions import Predictions
from robustbench_cls.core.sample import Sample
from robustbench_cls.core.scopes import CORRUPTION


def flip_consistency(sample: Sample) -> Float64Array:
    """Share of images whose answer, right or wrong, stays the same from one severity to the next; mean over the steps.

    In the spirit of ImageNet-P's flip probability (section 4.2 of the source), over severities and not over frames.
    """
    severities = [condition.severity for condition in sample.conditions]
    if len(severities) < 2:
        raise NotApplicable(f"{sample.conditions[0].name} was measured at one severity; flips are between two.")
    same_RC = sample.mean_made("same_as_milder", _same_as_milder)
    same_R: Float64Array = np.delete(same_RC, int(np.argmin(severities)), axis=1).mean(axis=1)
    return same_R


def _same_as_milder(predictions: Predictions) -> npt.NDArray[np.bool_]:
    """Whether the answer is that of the next milder severity measured, CN; of a corruption's mildest nothing."""
    answers_CN, conditions = predictions.columns["prediction"], predictions.conditions
    same_CN = np.zeros(answers_CN.shape, bool)
    for place, condition in enumerate(conditions):
        milder = [c for c in conditions if c.name == condition.name and c.severity < condition.severity]
        if milder:
            same_CN[place] = answers_CN[place] == answers_CN[conditions.index(max(milder, key=lambda c: c.severity))]
    return same_CN


FLIPS = Metric(
    name="flip_consistency",
    title="Same answer at neighbouring severities",
    scope=CORRUPTION,
    unit="fraction",
    higher_is_better=True,
    source="https://arxiv.org/abs/1903.12261",
    compute=flip_consistency,
    phrase="share of answers that stay the same from one severity to the next",
    needs_labels=False,
)
