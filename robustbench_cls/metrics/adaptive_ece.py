"""Expected calibration error in bins of equal mass."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.metrics.ranking import ranked


def compute(sample: Sample) -> Float64Array:
    """Expected calibration error in 15 bins that hold equally many images, of the likeliest class."""
    return ranked(sample).equal_mass_R


METRIC = Metric(
    name="adaptive_ece",
    title="Adaptive ECE",
    scope="condition",
    unit="fraction",
    higher_is_better=False,
    source="https://arxiv.org/abs/1904.01685",
    compute=compute,
)
