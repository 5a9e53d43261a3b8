"""ResNet strikes back, A1: the longest of its three trainings.

    robust train --recipe rsb-a1 --model resnet50

600 epochs with LAMB, binary cross entropy with label smoothing, RandAugment, mixup or CutMix, each image three times in
a batch, and stochastic depth. See `strikes_back.py` for what the three share and where we differ.

Cost: 0.8 ms an image at 224 px on one core besides the 1.1 of loading it, so 1.7 times the baseline's preparation, and
0.6 ms to mix where the model runs.

Expected: ResNet-50, 80.4 % top-1.

Source: Wightman, Touvron and Jégou 2021, arXiv:2110.00476, table 2.
"""

from robustbench_cls.recipes.strikes_back import procedure

RECIPE = procedure(
    "rsb-a1",
    "ResNet strikes back, A1",
    config="rand-m7-mstd0.5-inc1",
    mixup_alpha=0.2,
    expected="ResNet-50, 600 epochs: 80.4 % top-1",
    lr=5e-3,
    epochs=600,
    weight_decay=0.01,
    label_smoothing=0.1,
    drop_path=0.05,
    repeats=3,
)
