"""Mean error of one group of corruptions."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample


def compute(sample: Sample) -> Float64Array:
    """Mean of the top-1 error over the corruptions and severities of one group: noise, blur, weather or digital."""
    return sample.mean_error()


METRIC = Metric(
    name="group_error",
    title="Mean error of a group",
    scope="group",
    unit="fraction",
    higher_is_better=False,
    source="https://arxiv.org/abs/1903.12261",
    compute=compute,
)
