"""Drop from the accuracy on clean images of the same classes."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample


def compute(sample: Sample) -> Float64Array:
    """Top-1 accuracy on the clean images of the same classes, less that on these."""
    return sample.errors()[:, 0] - sample.clean.errors()[:, 0]


METRIC = Metric(
    name="accuracy_drop",
    title="Drop from clean accuracy",
    scope="shift",
    unit="difference",
    higher_is_better=False,
    source="https://arxiv.org/abs/1907.07174",
    compute=compute,
)
