"""Mean error over corruptions at one severity."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample


def compute(sample: Sample) -> Float64Array:
    """Mean of the top-1 error over the corruptions of ImageNet-C at one severity."""
    return sample.mean_error()


METRIC = Metric(
    name="severity_error",
    title="Mean error at a severity",
    scope="severity",
    unit="fraction",
    higher_is_better=False,
    source="https://arxiv.org/abs/1903.12261",
    compute=compute,
)
