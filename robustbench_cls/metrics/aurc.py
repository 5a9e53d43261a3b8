"""Area under the risk coverage curve."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.metrics.ranking import ranked


def compute(sample: Sample) -> Float64Array:
    """Area under the risk coverage curve: mean over k of the error of the k most confident answers; 1 less AURRA."""
    return 1.0 - ranked(sample).area_R


METRIC = Metric(
    name="aurc",
    title="AURC",
    scope="condition",
    unit="fraction",
    higher_is_better=False,
    source="https://arxiv.org/abs/1805.08206",
    compute=compute,
)
