"""Expected calibration error."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.metrics.ranking import ranked


def compute(sample: Sample) -> Float64Array:
    """Expected calibration error: |confidence - accuracy| in 15 bins of equal width, weighted by their images.

    A bin holds the confidences above its lower edge, up to its upper one.
    """
    return ranked(sample).equal_width_R


METRIC = Metric(
    name="ece",
    title="ECE",
    scope="condition",
    unit="fraction",
    higher_is_better=False,
    source="https://arxiv.org/abs/1706.04599",
    compute=compute,
)
