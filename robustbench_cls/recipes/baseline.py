"""Random resized crop and horizontal flip, nothing else.

    robust train --recipe baseline --model resnet50

Cost: 1.0 ms an image at 224 px on one core, to decode a photo and cut it; other recipes count in multiples of that.

Expected: ResNet-50, 90 epochs, 76.1 % top-1 (others: 75.4 to 75.9) and mCE 76.7 (torchvision's references).
"""

from robustbench_cls.core.recipe import Recipe

RECIPE = Recipe(
    name="baseline",
    title="Baseline",
    source="https://github.com/pytorch/vision/tree/main/references/classification",
    expected="ResNet-50, 90 epochs: 76.1 % top-1, mCE 76.7",
)
