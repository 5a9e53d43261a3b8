"""Negative log-likelihood."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample


def compute(sample: Sample) -> Float64Array:
    """Mean of -log of the label's probability, in nats."""
    return sample.mean("nll")[:, 0]


METRIC = Metric(
    name="nll",
    title="Negative log-likelihood",
    scope="condition",
    unit="nats",
    higher_is_better=False,
    source="https://arxiv.org/abs/1706.04599",
    compute=compute,
)
