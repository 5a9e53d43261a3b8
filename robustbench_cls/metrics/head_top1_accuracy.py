"""Top-1 accuracy with every class of the head competing."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample


def compute(sample: Sample) -> Float64Array:
    """Fraction of right answers when the logits are not restricted to the suite's label space.

    Published as the "1000-way" number beside ImageNet-A's, where it is the lower one of the two.
    """
    return sample.mean("head_correct")[:, 0]


METRIC = Metric(
    name="head_top1_accuracy",
    title="Top-1 accuracy, all classes of the head",
    scope="condition",
    unit="fraction",
    higher_is_better=True,
    source="https://arxiv.org/abs/1907.07174",
    compute=compute,
)
