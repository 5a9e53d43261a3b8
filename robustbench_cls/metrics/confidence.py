"""Confidence: how sure a model is, right or wrong."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.core.scopes import CONDITION, SUITE


def mean_confidence(sample: Sample) -> Float64Array:
    """Mean over images, and over conditions, of the likeliest answer's probability. It needs no labels.

    Lower is called better: it is meant for images of no class that the model knows, where confidence is misplaced.
    """
    mean_R: Float64Array = sample.mean("confidence").mean(axis=1)
    return mean_R


CONFIDENCE = Metric(
    name="mean_confidence",
    title="Mean confidence",
    scope=CONDITION,
    unit="fraction",
    higher_is_better=False,
    source="https://arxiv.org/abs/1610.02136",
    compute=mean_confidence,
    phrase="mean confidence",
    needs_labels=False,
)

OVER_CORRUPTIONS = Metric(
    name="mean_confidence_corrupted",
    title="Mean confidence over corruptions",
    scope=SUITE,
    unit="fraction",
    higher_is_better=False,
    source="https://arxiv.org/abs/1610.02136",
    compute=mean_confidence,
    phrase="mean confidence over corruptions",
    needs_labels=False,
)
