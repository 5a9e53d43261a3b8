"""Top-5 accuracy."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample


def compute(sample: Sample) -> Float64Array:
    """Fraction of images whose label is among the five likeliest classes of the label space."""
    return sample.mean("top5")[:, 0]


METRIC = Metric(
    name="top5_accuracy",
    title="Top-5 accuracy",
    scope="condition",
    unit="fraction",
    higher_is_better=True,
    source="https://arxiv.org/abs/1409.0575",
    compute=compute,
)
