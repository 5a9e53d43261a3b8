"""Top-1 error."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample


def compute(sample: Sample) -> Float64Array:
    """Fraction of images that are answered wrongly: one less the top-1 accuracy."""
    return sample.errors()[:, 0]


METRIC = Metric(
    name="error",
    title="Top-1 error",
    scope="condition",
    unit="fraction",
    higher_is_better=False,
    source="https://arxiv.org/abs/1409.0575",
    compute=compute,
)
