"""How steadily a model answers as a corruption grows."""

import numpy as np

from robustbench_cls.core.errors import NotApplicable
from robustbench_cls.core.kernel import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample


def compute(sample: Sample) -> Float64Array:
    """Share of images whose answer, right or wrong, stays the same from one severity to the next; mean over the steps.

    In the spirit of ImageNet-P's flip probability (section 4.2 of the source), over severities and not over frames.
    """
    answers_CN = sample.column("prediction")[np.argsort([condition.severity for condition in sample.conditions])]
    if len(answers_CN) < 2:
        raise NotApplicable(f"{sample.conditions[0].name} was measured at one severity; flips are between two.")
    same_R: Float64Array = sample.mean_of(answers_CN[1:] == answers_CN[:-1]).mean(axis=1)
    return same_R


METRIC = Metric(
    name="flip_consistency",
    title="Same answer at neighbouring severities",
    scope="corruption",
    unit="fraction",
    higher_is_better=True,
    source="https://arxiv.org/abs/1903.12261",
    compute=compute,
)
