"""timm's RandAugment as timm's training script makes it: pixels from outside the image have the mean colour.

The recipe `randaugment` leaves them grey, which is the default of the function alone. Images are filled with the mean
of ImageNet, since an augmentation knows no other; nearly all of timm's models have it.

Source: `transforms_imagenet_train` of timm, without the crop and flip.
"""

from collections.abc import Callable
from typing import Any

from robustbench_cls.recipes.posterize import keep_one_bit


def rand_augment(size: int, config: str, interpolation: str) -> Callable[[Any], Any]:
    """timm's RandAugment for images of `size` px.

    Args:
        config: such as `rand-m9-mstd0.5-inc1`.
        interpolation: of rotations, shears and shifts; `random` draws bilinear or bicubic each time.
    """
    from timm.data.auto_augment import rand_augment_transform
    from timm.data.constants import IMAGENET_DEFAULT_MEAN
    from timm.data.transforms import str_to_pil_interp

    settings: dict[str, Any] = {
        "translate_const": int(size * 0.45),
        "img_mean": tuple(min(255, round(255 * value)) for value in IMAGENET_DEFAULT_MEAN),
    }
    if interpolation != "random":
        settings["interpolation"] = str_to_pil_interp(interpolation)
    transform: Any = rand_augment_transform(config, settings)
    keep_one_bit(transform.ops)
    return transform  # type: ignore[no-any-return]
