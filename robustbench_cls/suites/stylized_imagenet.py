"""Stylized-ImageNet: validation images repainted with the texture of something else.

No canonical number exists: ResNet-50 is published at 7.4, 20.5 and 37.1 % under three conventions. Here:
Resize(256) and CenterCrop(224) of the stored image, all classes of the head competing, top-1.
"""

from robustbench_cls.core.suite import HEAD, IMAGENET_224, Condition, Measure, Suite, measures_of_condition

SUITE = Suite(
    name="stylized-imagenet",
    version=1,
    title="Stylized images",
    conditions=(Condition("stylized"),),
    split="stylized",
    folder="stylized-imagenet",
    label_space=HEAD,
    reference=Condition("clean"),
    protocol=IMAGENET_224,
    source="https://arxiv.org/abs/1811.12231",
    measures=(
        Measure("top1_accuracy", "stylized"),
        Measure("top1_accuracy", "clean"),
        *measures_of_condition("stylized")[1:],
    ),
)
