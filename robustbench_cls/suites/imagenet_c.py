"""ImageNet-C: 15 corruptions at five severities, of the clean `val` images or as published.

Where the published folders (`<corruption>/<severity>/<class>`) are there, they are read; else the images
are corrupted on the way, JPEG quality 85 included. The two are different protocols and give different
numbers, so the origin is part of a run's identity and they never share a column. On data of another size
than ImageNet the corruption acts on the crop at the model's own input size.
"""

from robustbench_cls.core.corruption import IMAGENET_C, SEVERITIES
from robustbench_cls.core.suite import HEAD, IMAGENET_224, Condition, Suite

SUITE = Suite(
    name="imagenet-c",
    version=1,
    title="Common corruptions",
    conditions=tuple(Condition(name, severity) for name in IMAGENET_C for severity in SEVERITIES),
    split="val",
    folder="imagenet-c",
    label_space=HEAD,
    reference=Condition("clean"),
    protocol=IMAGENET_224,
    source="https://arxiv.org/abs/1903.12261",
)
