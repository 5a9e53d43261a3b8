"""ResNet strikes back, A2: half as long as A1, with less mixup, more weight decay and no label smoothing.

    robust train --recipe rsb-a2 --model resnet50

See `strikes_back.py` for what the three share and where we differ.

Cost: 0.8 ms an image at 224 px on one core besides the 1.1 of loading it, so 1.7 times the baseline's preparation, and
0.6 ms to mix where the model runs.

Expected: ResNet-50, 300 epochs, 79.8 % top-1.

Source: Wightman, Touvron and Jégou 2021, arXiv:2110.00476, table 2.
"""

from robustbench_cls.recipes.strikes_back import procedure

RECIPE = procedure(
    "rsb-a2",
    "ResNet strikes back, A2",
    config="rand-m7-mstd0.5-inc1",
    mixup_alpha=0.1,
    expected="ResNet-50, 300 epochs: 79.8 % top-1",
    lr=5e-3,
    epochs=300,
    weight_decay=0.02,
    label_smoothing=0.0,
    drop_path=0.05,
    repeats=3,
)
