"""ResNet strikes back, A3: 100 epochs of images of 160 px, for a sixth of A2's computation.

    robust train --recipe rsb-a3 --model resnet50

See `strikes_back.py` for what the three share and where we differ.

Cost: 0.4 ms an image at 160 px on one core besides the 1.0 of loading it, so 1.4 times the baseline's preparation, and
0.3 ms to mix where the model runs.

Expected: ResNet-50, 78.1 % top-1. The paper measures on 224 px; a model that is trained here is evaluated on the size
that it was trained on.

Source: Wightman, Touvron and Jégou 2021, arXiv:2110.00476, table 2.
"""

from robustbench_cls.recipes.strikes_back import procedure

RECIPE = procedure(
    "rsb-a3",
    "ResNet strikes back, A3",
    config="rand-m6-mstd0.5-inc1",
    mixup_alpha=0.1,
    expected="ResNet-50, 100 epochs at 160 px, evaluated at 224 px: 78.1 % top-1",
    lr=8e-3,
    epochs=100,
    weight_decay=0.02,
    label_smoothing=0.0,
    drop_path=0.0,
    repeats=1,
    input_size=160,
)
