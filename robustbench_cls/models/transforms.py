"""A user's transform, read as the preprocessing that it is."""

from collections.abc import Iterable
from typing import Any

from torchvision.transforms import InterpolationMode

from robustbench_cls.core.errors import UserError
from robustbench_cls.models.classifier import Preprocessing, check_preprocessing

TO_TENSOR = {"ToTensor", "MaybeToTensor", "ToImage", "ToDtype", "ConvertImageDtype", "PILToTensor", "MaybePILToTensor"}
"""Steps that make values 0..1 of a picture, alone or together."""

ORDER = ("Resize", "CenterCrop", "Normalize")

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
    names = [type(step).__name__ for step in steps]
    wrong = _misplaced(names)
    if wrong:
        raise UserError(f"The transform {wrong}, so it is not known how to show corrupted images. {CURE}")
    by_name = dict(zip(names, steps, strict=True))
    _require_scaled(by_name)
    resize, normalize = by_name["Resize"], by_name["Normalize"]
    if getattr(resize, "max_size", None) is not None or getattr(resize, "antialias", True) is False:
        raise UserError(f"The transform resizes with max_size or without antialias, which is not supported. {CURE}")
    return _checked(
        _side(by_name["CenterCrop"].size, square=True),
        _side(resize.size, square=False),
        resize.interpolation,
        normalize.mean,
        normalize.std,
    )


def _misplaced(names: list[str]) -> str:
    """In words, why these steps are not Resize, CenterCrop and Normalize, once each and in this order; else empty."""
    unknown = [name for name in names if name not in TO_TENSOR | {*ORDER}]
    if unknown:
        return f"has the step {unknown[0]}"
    for name in ORDER:
        if names.count(name) != 1:
            return f"lacks {name}" if name not in names else f"has {name} {names.count(name)} times"
    if [name for name in names if name in ORDER] != [*ORDER]:
        return f"has its steps in the order {', '.join(names)}"
    return "" if TO_TENSOR & {*names} else "lacks ToTensor"


def _require_scaled(by_name: dict[str, Any]) -> None:
    """Refuse steps that give values 0..255 to Normalize."""
    scales = {"ToTensor", "MaybeToTensor", "ConvertImageDtype"} & by_name.keys()
    if not scales and not getattr(by_name.get("ToDtype"), "scale", False):
        raise UserError(f"The transform gives values 0..255 to Normalize; they must be 0..1. {CURE}")


def _side(size: Any, *, square: bool) -> int:
    sides = [int(side) for side in size] if isinstance(size, Iterable) else [int(size)]
    if len(set(sides)) != 1 or (len(sides) > 1 and not square):
        raise UserError(f"The transform resizes to {size}: give one number, the shorter side. {CURE}")
    return sides[0]


def _shades(values: Any) -> tuple[float, ...]:
    """Mean or std by channel; where a transform keeps them in single precision, as they were written."""
    listed = values if isinstance(values, Iterable) else [values]
    return tuple(float(f"{float(value):.7g}") for value in listed)


def _checked(size: int, resize: int, interpolation: Any, mean: Any, std: Any) -> Preprocessing:
    mode = interpolation.value if isinstance(interpolation, InterpolationMode) else str(interpolation)
    first, second = _shades(mean), _shades(std)
    told = Preprocessing(size, resize, mode, first, second)  # type: ignore[arg-type]  # of each channel, as checked next
    try:
        if (len(first), len(second)) != (3, 3):
            raise ValueError(f"mean and std have {len(first)} and {len(second)} values, not 3")
        check_preprocessing(told)
    except ValueError as error:
        raise UserError(f"The transform can't be used: {error}. {CURE}") from error
    return told
