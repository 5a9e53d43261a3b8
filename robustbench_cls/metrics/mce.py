"""Mean corruption error."""

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.metrics.alexnet import imagenet_c_sums, mean_ce, require_imagenet


def compute(sample: Sample) -> Float64Array:
    """Mean of CE over the 15 corruptions of ImageNet-C, in percent; AlexNet is 100."""
    require_imagenet(sample)
    return mean_ce(imagenet_c_sums(sample.conditions, sample.errors()))


METRIC = Metric(
    name="mce",
    title="mCE",
    scope="suite",
    unit="percent",
    higher_is_better=False,
    source="https://arxiv.org/abs/1903.12261",
    compute=compute,
)
