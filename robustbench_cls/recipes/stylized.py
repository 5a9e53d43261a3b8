"""Stylized images besides the images themselves: a texture is then no longer a sign of the class (SIN+IN).

    robust train --recipe stylized --model resnet50 --start published --set stylized=FOLDER

`FOLDER` holds the same classes, painted in the styles of other pictures. An epoch sees both versions of each image, so
it takes twice as long as the baseline's.

Expected: ResNet-50 that begins with trained weights, 74.6 % top-1 and a shape bias of 34.7 %; mCE 69.3, or 67.7 as
others measured.

Versions of an image have its file's name. Those of held-out images are not trained on. The published run holds none
out: `--set minival=0`.

Source: Geirhos et al. 2019, arXiv:1811.12231; the settings are those of rgeirhos/texture-vs-shape. It holds no image
out and keeps the weights of the last epoch.
"""

from types import MappingProxyType

from robustbench_cls.core.recipe import Recipe

RECIPE = Recipe(
    name="stylized",
    title="Stylized and clean images",
    source="https://arxiv.org/abs/1811.12231",
    folders=("stylized",),
    settings=MappingProxyType({"stylized": ""}),
    regimen=MappingProxyType(
        {
            "resnet": {
                "optimizer": "momentum",  # timm's sgd has Nesterov's momentum
                "lr": 0.1,
                "lr_batch_size": 256,
                "batch_size": 256,
                "weight_decay": 1e-4,
                "epochs": 45,
                "warmup_epochs": 0,
                "schedule": "step",
                "decay_epochs": 15.0,
                "decay_rate": 0.1,
                "label_smoothing": 0.0,
            }
        }
    ),
    expected="ResNet-50 from trained weights: 74.6-75.5 % top-1, mCE 69.3-67.7",
)
