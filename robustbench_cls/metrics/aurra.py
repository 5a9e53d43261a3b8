"""Area under the response rate accuracy curve."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.metrics.ranking import ranked


def compute(sample: Sample) -> Float64Array:
    """Area under the response rate accuracy curve: mean over k of the accuracy of the k most confident answers.

    Answers of equal confidence count as their mean, whatever order they stand in.
    """
    return ranked(sample).area_R


METRIC = Metric(
    name="aurra",
    title="AURRA",
    scope="condition",
    unit="fraction",
    higher_is_better=True,
    source="https://arxiv.org/abs/1907.07174",
    compute=compute,
)
