"""Top-1 accuracy."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample


def compute(sample: Sample) -> Float64Array:
    """Fraction of images whose likeliest class in the label space is the label."""
    return sample.mean("correct")[:, 0]


METRIC = Metric(
    name="top1_accuracy",
    title="Top-1 accuracy",
    scope="condition",
    unit="fraction",
    higher_is_better=True,
    source="https://arxiv.org/abs/1409.0575",
    compute=compute,
)
