"""Selective prediction: accuracy where a model may decline to answer what it is unsure of."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.core.scopes import CONDITION
from robustbench_cls.metrics.ranking import ranked


def aurra(sample: Sample) -> Float64Array:
    """Area under the response rate accuracy curve: mean over k of the accuracy of the k most confident answers.

    Answers of equal confidence count as their mean, whatever order they stand in. One less AURRA is AURC, the area
    under the risk coverage curve (arXiv:1805.08206).
    """
    return ranked(sample).area_R


AURRA = Metric(
    name="aurra",
    title="AURRA",
    scope=CONDITION,
    unit="fraction",
    higher_is_better=True,
    source="https://arxiv.org/abs/1907.07174",
    compute=aurra,
)
