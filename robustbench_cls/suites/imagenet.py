"""ImageNet validation images, or the clean `val` split of any data set."""

from robustbench_cls.core.suite import HEAD, Condition, Protocol, Suite, measures_of_condition

SUITE = Suite(
    name="imagenet",
    version=1,
    title="Clean validation images",
    conditions=(Condition("clean"),),
    split="val",
    folder="imagenet",
    label_space=HEAD,
    reference=None,
    protocol=Protocol(),
    source="https://arxiv.org/abs/1409.0575",
    measures=measures_of_condition("clean"),
)
