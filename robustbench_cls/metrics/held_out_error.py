"""Mean error over the corruptions that no compared recipe contains."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample


def compute(sample: Sample) -> Float64Array:
    """Mean of the top-1 error over the corruptions of ImageNet-C that are in none of the recipes compared.

    Augmentation that contains a test corruption makes its error no test of robustness to the unseen.
    """
    return sample.held_out().mean_error()


METRIC = Metric(
    name="held_out_error",
    title="Mean error, held-out corruptions",
    scope="suite",
    unit="fraction",
    higher_is_better=False,
    source="https://arxiv.org/abs/2102.11273",
    compute=compute,
)
