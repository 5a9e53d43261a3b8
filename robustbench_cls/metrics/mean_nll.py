"""Mean over corruptions and severities of the negative log-likelihood."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample


def compute(sample: Sample) -> Float64Array:
    """Mean of the negative log-likelihood over the corruptions and severities that enter the mean error."""
    mean_R: Float64Array = sample.only(sample.averaged()).mean("nll").mean(axis=1)
    return mean_R


METRIC = Metric(
    name="mean_nll",
    title="Mean NLL over corruptions",
    scope="suite",
    unit="nats",
    higher_is_better=False,
    source="https://arxiv.org/abs/1906.02530",
    compute=compute,
)
