"""Several versions of the training set: the images, and copies that other programs distorted, as in DeepAugment.

    robust train --recipe multi-folder --model resnet50 --start published --set versions=FOLDER:FOLDER

The folders are separated as in PATH, by `:` or on Windows by `;`. They hold the same classes. With two of them an epoch
takes three times as long as the baseline's.

Expected: ResNet-50 that begins with trained weights, 30 epochs over ImageNet and its two copies by EDSR and CAE,
76.7 % top-1 and mCE 60.4.

The report can't know what was done to the copies, so it marks no test corruption. Versions of an image have its file's
name. Those of held-out images are not trained on; the published run holds none out: `--set minival=0`.

Source: Hendrycks et al. 2020, arXiv:2006.16241; `DeepAugment/train.py` of hendrycks/imagenet-r.
"""

from types import MappingProxyType

from robustbench_cls.core.recipe import Recipe

RECIPE = Recipe(
    name="multi-folder",
    title="Several versions of the training set",
    source="https://arxiv.org/abs/2006.16241",
    folders=("versions",),
    settings=MappingProxyType({"versions": ""}),
    regimen=MappingProxyType(
        {
            "resnet": {
                "optimizer": "sgd",
                "lr": 0.1,
                "lr_batch_size": 1024,
                "batch_size": 1024,
                "weight_decay": 1e-4,
                "epochs": 30,
                "warmup_epochs": 0,
                "schedule": "cosine",
                "label_smoothing": 0.0,
            }
        }
    ),
    expected="ResNet-50 from trained weights, DeepAugment's copies: 76.7 % top-1, mCE 60.4",
)
