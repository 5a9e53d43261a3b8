"""A user's transform, read as the preprocessing that it is."""

from collections.abc import Iterable
from typing import Any

from torchvision.transforms import InterpolationMode

from robustbench_cls.core.errors import UserError
from robustbench_cls.models.classifier import Preprocessing, check_preprocessing

TO_TENSOR = {"ToTensor", "MaybeToTensor", "ToImage", "ToDtype", "ConvertImageDtype", "PILToTensor", "MaybePILToTensor"}
"""Steps that make values 0..1 of a picture, alone or together."""

CURE = "Give the network a transform of Resize, CenterCrop, ToTensor and Normalize, as for validation."


def read_transform(transform: Any) -> Preprocessing:
    """The preprocessing that torchvision's or timm's validation transform does.

    Args:
        transform: a `Compose` of Resize, CenterCrop, ToTensor and Normalize, or the `transforms()` of torchvision's
            published weights.

    Raises:
        UserError: it has another step, or lacks one, so that images can't be shown like this before they are corrupted.
    """
    if all(hasattr(transform, name) for name in ("crop_size", "resize_size", "mean", "std", "interpolation")):
        return _checked(
            int(transform.crop_size[0]),
            int(transform.resize_size[0]),
            transform.interpolation,
            transform.mean,
            transform.std,
        )
    steps = getattr(transform, "transforms", None)
    if steps is None:
        raise UserError(f"transform must be a Compose of torchvision, got {type(transform).__name__}. {CURE}")
    by_name = {type(step).__name__: step for step in steps}
    unknown = [name for name in by_name if name not in TO_TENSOR | {"Resize", "CenterCrop", "Normalize"}]
    lacking = [name for name in ("Resize", "CenterCrop", "Normalize") if name not in by_name]
    if unknown or lacking or not TO_TENSOR & by_name.keys():
        what = f"has the step {unknown[0]}" if unknown else f"lacks {(lacking or ['ToTensor'])[0]}"
        raise UserError(f"The transform {what}, so it is not known how to show corrupted images. {CURE}")
    resize, normalize = by_name["Resize"], by_name["Normalize"]
    return _checked(
        _side(by_name["CenterCrop"].size, square=True),
        _side(resize.size, square=False),
        resize.interpolation,
        normalize.mean,
        normalize.std,
    )


def _side(size: Any, *, square: bool) -> int:
    sides = [int(side) for side in size] if isinstance(size, Iterable) else [int(size)]
    if len(set(sides)) != 1 or (len(sides) > 1 and not square):
        raise UserError(f"The transform resizes to {size}: give one number, the shorter side. {CURE}")
    return sides[0]


def _checked(size: int, resize: int, interpolation: Any, mean: Any, std: Any) -> Preprocessing:
    mode = interpolation.value if isinstance(interpolation, InterpolationMode) else str(interpolation)
    first, second = (
        tuple(float(f"{float(value):.7g}") for value in values) for values in (mean, std)
    )  # single precision
    told = Preprocessing(size, resize, mode, first, second)  # type: ignore[arg-type]  # of each channel, as checked next
    try:
        if (len(first), len(second)) != (3, 3):
            raise ValueError(f"mean and std have {len(first)} and {len(second)} values, not 3")
        check_preprocessing(told)
    except ValueError as error:
        raise UserError(f"The transform can't be used: {error}. {CURE}") from error
    return told
