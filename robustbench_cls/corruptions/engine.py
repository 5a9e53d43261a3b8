"""`corrupt`, and what the evaluation uses of corruptions: all of them by name, and one image corrupted."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import cache
from types import MappingProxyType, ModuleType
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.corruption import EXTRA, IMAGENET_C, VARIANTS, Corruption, Variant
from robustbench_cls.core.discovery import discover, own_files, pick
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.keys import Key
from robustbench_cls.core.suite import Condition
from robustbench_cls.corruptions.checks import plain, require_condition, require_images

Images = TypeVar("Images")
"""A uint8 numpy array (HW3, BHW3) or torch tensor (3HW, B3HW)."""

VERSION = 1
"""The engine's version. Another version may give other bytes for the same key, so each stored result names it."""

_CANONICAL = {name: place for place, name in enumerate((*IMAGENET_C, *EXTRA))}


def corrupt(
    images: Images,
    name: str,
    severity: int,
    *,
    image_ids: str | int | Sequence[str | int] | None = None,
    seed: int = 0,
    variant: Variant = "published",
) -> Images:
    """Corrupted images, a pure function of (image, image id, corruption, severity, seed) and of `VERSION`.

    Args:
        images: uint8 RGB, 0..255, sides of at least 32 px, not modified: a numpy array HW3 (one image) or BHW3
            (a batch), or a torch tensor 3HW or B3HW on any device.
        name: a corruption of ImageNet-C such as `fog`, or any other that `all_corruptions` gives.
        severity: 1 (mild) .. 5.
        image_ids: the name of each image, on which its random draws depend: one for one image, a sequence of B for
            a batch. Text or integer; 3 and "3" are the same. None takes "0", or "0", "1", ... in a batch. Give real
            ids where images come in several batches: without them each batch repeats the draws of the first.
        seed: any integer; another seed gives another ImageNet-C.
        variant: `published` follows the code that made the published ImageNet-C, `imagecorruptions` the package of
            that name. They differ in elastic_transform, frost, motion_blur and snow. `cifar` follows the code that
            made CIFAR-10-C, at 32 px; there, every corruption has other constants.

    Returns:
        New images of the same kind, shape, type and device. The JPEG step of the published files is not taken; see
        `corruptions.jpeg`.

    Raises:
        TypeError: name, images, severity, ids or seed are not of the kinds above.
        ValueError: no such corruption or variant, severity out of range, another shape, a side under 32 px, or another
            number of ids.
        UserError: a corruption of your own gives no image.

    Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; each corruption's module says where it differs from
    the published files. The key of an image is `Key.of("corruption", seed, image_id, name, severity)`.
    """
    try:
        corruption = _named(name)
    except UserError as error:
        raise ValueError(str(error)) from None
    require_condition(severity, seed)
    if variant not in VARIANTS:
        raise ValueError(f"variant must be one of {', '.join(VARIANTS)}, got {variant!r}")
    array = _channels_last(images)
    if array.ndim == 3:
        corrupted = corrupt_image(array, corruption, severity, _one_id(image_ids), seed, variant)
    else:
        ids = _batch_ids(image_ids, len(array))
        corrupted = np.empty(array.shape, np.uint8)
        for i, image_HW3 in enumerate(array):
            corrupted[i] = corrupt_image(image_HW3, corruption, severity, ids[i], seed, variant)
    return _like(images, corrupted)


def corrupt_image(
    image_HW3: UInt8Image,
    corruption: Corruption,
    severity: int,
    image_id: str,
    seed: int,
    variant: Variant = "published",
) -> UInt8Image:
    """One corrupted image, for a caller that has the `Corruption` itself and one numpy image.

    Raises:
        TypeError, ValueError: as `corrupt`.
    """
    require_condition(severity, seed)
    require_images(image_HW3, (3,))
    image_HW3 = plain(image_HW3)
    key = Key.of("corruption", int(seed), image_id, corruption.name, int(severity))
    corrupted_HW3 = corruption.by(variant)(image_HW3, int(severity), key)
    shape, dtype = getattr(corrupted_HW3, "shape", None), getattr(corrupted_HW3, "dtype", None)
    if shape != image_HW3.shape or dtype != np.uint8:
        raise UserError(
            f"Corruption '{corruption.name}' must give uint8 of shape {image_HW3.shape}, the image's own; it gave "
            f"{dtype or type(corrupted_HW3).__name__}{f' of shape {shape}' if shape else ''}."
        )
    return corrupted_HW3


def all_corruptions() -> Mapping[str, Corruption]:
    """Every corruption by name: the 15 of ImageNet-C and its extra four in the order of the papers, then others."""
    return _in_order(own_files())


@cache
def _in_order(files: tuple[ModuleType, ...]) -> Mapping[str, Corruption]:
    found = discover("robustbench_cls.corruptions", Corruption)
    ordered = sorted(found.items(), key=lambda item: (_CANONICAL.get(item[0], len(_CANONICAL)), item[0]))
    return MappingProxyType(dict(ordered))


def in_groups(conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    """The conditions, those of a corruption that say no group in the corruption's own, and counted as it says."""
    known = all_corruptions()
    return tuple(
        replace(
            condition, group=known[condition.name].group, counted=condition.counted and known[condition.name].counted
        )
        if condition.graded and not condition.group and condition.name in known
        else condition
        for condition in conditions
    )


def named_corruptions(names: Sequence[str]) -> list[Corruption]:
    """The corruptions with these names, each once, in the order of the papers. No names give all corruptions.

    Raises:
        UserError: there is no such corruption.
    """
    wanted = {_named(name).name for name in names}
    return [corruption for corruption in all_corruptions().values() if not wanted or corruption.name in wanted]


def engine_version(variant: Variant) -> str:
    """The engine and the variant as text for the protocol, such as `engine 1 as published`."""
    return f"engine {VERSION} as {variant}"


def _named(name: str) -> Corruption:
    if not isinstance(name, str):
        raise TypeError(f"name must be text such as 'fog', got {name!r}")
    return pick(name, all_corruptions(), "corruption")


def _is_tensor(images: object) -> bool:
    # Compared by name, because the class itself would need torch imported.
    return any((base.__module__, base.__name__) == ("torch", "Tensor") for base in type(images).__mro__)


def _channels_last(images: Any) -> UInt8Image:
    """Check the images, and give them as an HW3 or BHW3 array. Numpy images are not copied."""
    if not _is_tensor(images):
        require_images(images, (3, 4), "numpy HW3 or BHW3, or torch 3HW or B3HW")
        return cast(UInt8Image, images)
    if str(images.dtype) != "torch.uint8":
        raise TypeError(f"images must be uint8 0..255, got {images.dtype} of shape {tuple(images.shape)}")
    if images.ndim not in (3, 4) or images.shape[-3] != 3:
        raise ValueError(f"torch images must be RGB, 3HW or B3HW, got shape {tuple(images.shape)}")
    array = np.ascontiguousarray(np.moveaxis(images.detach().cpu().numpy(), -3, -1))
    require_images(array, (3, 4))
    return array


def _like(images: Images, array: npt.NDArray[np.uint8]) -> Images:
    if not _is_tensor(images):
        return cast(Images, array)
    tensor: Any = images
    return cast(Images, tensor.new_tensor(np.ascontiguousarray(np.moveaxis(array, -1, -3))))


def _as_id(image_id: object) -> str:
    if isinstance(image_id, bool) or not isinstance(image_id, str | int | np.integer):
        raise TypeError(f"an image id must be text or an integer, got {image_id!r} ({type(image_id).__name__})")
    return str(image_id)


def _one_id(image_ids: object) -> str:
    return "0" if image_ids is None else _as_id(image_ids)


def _batch_ids(image_ids: Any, count: int) -> list[str]:
    if image_ids is None:
        return [str(i) for i in range(count)]
    # a text is a sequence of letters, a set has no order, and a mapping's ids could be its keys or its values
    if isinstance(image_ids, str | bytes | int | np.integer | AbstractSet | Mapping):
        raise TypeError(f"a batch of {count} images takes a sequence of ids, got {image_ids!r}")
    ids = [_as_id(image_id) for image_id in image_ids]
    if len(ids) != count:
        raise ValueError(f"{count} images need {count} ids, got {len(ids)}")
    return ids
