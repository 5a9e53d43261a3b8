"""CIFAR-10-C: 15 corruptions at five severities, of CIFAR-10's 32 px test images or as published.

The constants are those of CIFAR-10-C, not those of ImageNet-C. Images stay as they are, without a JPEG step; a model of
another input size sees the corrupted 32 px image resized. Where the published arrays (`<corruption>.npy` and
`labels.npy`) are there, they are read; else the images are corrupted on the way. The random draws differ, so the two
are different protocols and never share a column. AlexNet's errors are of ImageNet, so there is no mCE.
"""

from robustbench_cls.core.corruption import GROUPS
from robustbench_cls.core.suite import HEAD, Condition, Protocol, Suite, graded

SUITE = Suite(
    name="cifar-10-c",
    version=1,
    title="Common corruptions of CIFAR-10",
    conditions=graded(GROUPS),
    split="val",
    folder="cifar-10-c",
    label_space=HEAD,
    reference=Condition("clean"),
    protocol=Protocol(resize=32, crop=32),
    source="https://arxiv.org/abs/1903.12261",
    variant="cifar",
    clean="cifar10",
)
