"""ResNets for images of 32 px, which timm lacks: its ResNets make 8 x 8 px of such an image before the first block.

They are made of timm's parts and registered with it, so that a checkpoint names them like any other architecture.
Their blocks are those of ResNet (He et al. 2016, arXiv:1512.03385); its CIFAR networks are deeper and narrower, which
costs more time for the same accuracy where time is short.
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
    """A ResNet of 8 layers and 0.3 M weights; an image of 32 px costs it 11.5 million multiplications."""
    widths = (32, 64, 128)
    blocks = tuple(ByoBlockCfg(type="basic", d=1, c=width, s=2, gs=0, br=1.0) for width in widths)
    config = ByoModelCfg(blocks=blocks, stem_type="3x3", stem_pool="", stem_chs=16)
    network: Any = build_model_with_cfg(ByobNet, "cifar_resnet8", pretrained, model_cfg=config, **options)
    network.stem.conv.stride = (1, 1)  # timm's stem halves the image
    return network
