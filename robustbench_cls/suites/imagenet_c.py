"""ImageNet-C: 15 corruptions at five severities, of the clean `val` images or as published.

Where the published folders (`<corruption>/<severity>/<class>`) are there, they are read; else the images
are corrupted on the way, JPEG quality 85 included. The two are different protocols and give different
numbers, so the origin is part of a run's identity and they never share a column. On data of another size
than ImageNet the corruption acts on the crop at the model's own input size.
"""

from robustbench_cls.core.corruption import GROUPS
from robustbench_cls.core.suite import HEAD, IMAGENET_224, Condition, Measure, Suite, graded

SUITE = Suite(
    name="imagenet-c",
    version=1,
    title="Common corruptions",
    conditions=graded(GROUPS),
    split="val",
    folder="imagenet-c",
    label_space=HEAD,
    reference=Condition("clean"),
    protocol=IMAGENET_224,
    source="https://arxiv.org/abs/1903.12261",
    measures=(
        Measure("mce"),
        Measure("relative_mce"),
        Measure("mean_corruption_error_unnormalised"),
        Measure("held_out_mce"),
        Measure("held_out_error"),
        Measure("mce_against_baseline"),
        Measure("worst_condition_error"),
        Measure("top1_accuracy", "clean"),
        Measure("mean_nll"),
        Measure("mean_ece"),
    ),
)
