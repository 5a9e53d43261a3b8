"""Random resized crop and horizontal flip, nothing else."""

from robustbench_cls.core.recipe import Recipe

RECIPE = Recipe(
    name="baseline",
    title="Baseline",
    source="https://github.com/pytorch/vision/tree/main/references/classification",
    expected="ResNet-50, 90 epochs: 76.1 % top-1, mCE 76.7",
)
