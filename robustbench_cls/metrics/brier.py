"""Brier score."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample


def compute(sample: Sample) -> Float64Array:
    """Mean over images of the squared distance between probabilities and the one-hot label, summed over classes: 0..2.

    Brier's own definition, which for two classes is twice the one of binary classifiers.
    """
    return sample.mean("brier")[:, 0]


METRIC = Metric(
    name="brier",
    title="Brier score",
    scope="condition",
    unit="number",
    higher_is_better=False,
    source="https://doi.org/10.1175/1520-0493(1950)078%3C0001:VOFEIT%3E2.0.CO;2",
    compute=compute,
)
