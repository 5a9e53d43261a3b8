"""`corrupt` and what the evaluation needs of corruptions: all of them by name, one image, the JPEG step."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from io import BytesIO
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.corruption import EXTRA, IMAGENET_C, MINIMUM_SIDE, SEVERITIES, Corruption, UInt8Image
from robustbench_cls.core.discovery import discover, pick
from robustbench_cls.core.keys import Key

Images = TypeVar("Images")
"""A uint8 numpy array (HW3, BHW3) or torch tensor (3HW, B3HW)."""

JPEG_QUALITY = 85
"""The quality at which the published ImageNet-C files were saved."""

_CANONICAL = {name: place for place, name in enumerate((*IMAGENET_C, *EXTRA))}


def corrupt(
    images: Images,
    name: str,
    severity: int,
    *,
    image_ids: str | int | Sequence[str | int] | None = None,
    seed: int = 0,
) -> Images:
    """Corrupted images, a pure function of (image, image id, corruption, severity, seed).

    Args:
        images: uint8 RGB, 0..255, sides of at least 32 px, not modified: a numpy array HW3 (one image) or BHW3
            (a batch), or a torch tensor 3HW or B3HW on any device.
        name: a corruption of ImageNet-C such as `fog`, or any other that `all_corruptions` gives.
        severity: 1 (mild) .. 5.
        image_ids: what stands for each image in its random draws, text or integer (3 and "3" are the same): one
            for one image, a sequence of B for a batch. None stands for "0", and for "0", "1", ... in a batch;
            give real ids where images come in several batches, or each batch repeats the draws of the first.
        seed: any integer; another seed gives another ImageNet-C.

    Returns:
        New images of the same kind, shape, type and device. Without the JPEG step of the published files: see
        `jpeg_roundtrip`.

    Raises:
        UserError: there is no such corruption.
        TypeError: images, severity, ids or seed are not of the kinds above.
        ValueError: severity out of range, another shape, a side under 32 px, or another number of ids.

    Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; each corruption's module says where it differs from
    the published files. The key of an image is `Key.of("corruption", seed, image_id, name, severity)`.
    """
    corruption = _named(name)
    _require_condition(severity, seed)
    array = _channels_last(images)
    if array.ndim == 3:
        corrupted = corrupt_image(array, corruption, severity, _one_id(image_ids), seed)
    else:
        ids = _batch_ids(image_ids, len(array))
        corrupted = np.empty(array.shape, np.uint8)
        for i, image_HW3 in enumerate(array):
            corrupted[i] = corrupt_image(image_HW3, corruption, severity, ids[i], seed)
    return _like(images, corrupted)


def corrupt_image(image_HW3: UInt8Image, corruption: Corruption, severity: int, image_id: str, seed: int) -> UInt8Image:
    """One corrupted image: `corrupt` for a caller that holds the corruption and one numpy image.

    Raises:
        TypeError, ValueError: as `corrupt`.
    """
    _require_condition(severity, seed)
    _require_images(image_HW3, (3,))
    key = Key.of("corruption", int(seed), image_id, corruption.name, int(severity))
    return corruption.apply(image_HW3, int(severity), key)


def all_corruptions() -> dict[str, Corruption]:
    """Every corruption by name: the 15 of ImageNet-C and its extra four in the field's order, then others by name."""
    found = discover("robustbench_cls.corruptions", Corruption)
    return dict(sorted(found.items(), key=lambda item: (_CANONICAL.get(item[0], len(_CANONICAL)), item[0])))


def jpeg_roundtrip(image_HW3: UInt8Image, quality: int = JPEG_QUALITY) -> UInt8Image:
    """The image after saving as JPEG (4:2:0) and loading again, the last step of the published ImageNet-C.

    Args:
        image_HW3: uint8 RGB; not modified.
        quality: 1 .. 100, as Pillow counts.

    Raises:
        TypeError, ValueError: another type, shape or quality.

    Source: `make_imagenet_c.py` of hendrycks/robustness. Its `optimize=True` makes smaller files of the same pixels.
    """
    from PIL import Image

    _require_integer("quality", quality)
    if not 1 <= quality <= 100:  # Pillow takes 0 for its default of 75
        raise ValueError(f"quality must be 1..100, got {quality}")
    _require_images(image_HW3, (3,))
    file = BytesIO()
    Image.fromarray(image_HW3).save(file, "JPEG", quality=int(quality))
    return np.array(Image.open(file))


def engine_version() -> str:
    """The engine that computes the corruptions, for the protocol: `imagecorruptions-imaug 1.1.5`."""
    from importlib.metadata import version  # 50 ms, which listing corruptions need not wait

    return f"imagecorruptions-imaug {version('imagecorruptions-imaug')}"


def _named(name: str) -> Corruption:
    if not isinstance(name, str):
        raise TypeError(f"name must be text such as 'fog', got {name!r}")
    return pick(name, all_corruptions(), "corruption")


def _require_integer(word: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{word} must be an integer, got {value!r} ({type(value).__name__})")


def _require_condition(severity: int, seed: int) -> None:
    _require_integer("severity", severity)
    if severity not in SEVERITIES:
        raise ValueError(f"severity must be 1..5, got {severity}")
    _require_integer("seed", seed)


def _require_images(images: object, dimensions: tuple[int, ...], layouts: str = "HW3") -> None:
    if not isinstance(images, np.ndarray):
        raise TypeError(f"images must be uint8 {layouts}, got {type(images).__name__}")
    if images.dtype != np.uint8:
        raise TypeError(f"images must be uint8 0..255, got {images.dtype} of shape {images.shape}")
    if images.ndim not in dimensions or images.shape[-1] != 3:
        raise ValueError(f"images must be RGB, {layouts}, got shape {images.shape}")
    if min(images.shape[-3:-1]) < MINIMUM_SIDE:
        raise ValueError(f"images must be at least {MINIMUM_SIDE} px high and wide, got shape {images.shape}")


def _is_tensor(images: object) -> bool:
    # By name: naming the class itself would import torch.
    return any((base.__module__, base.__name__) == ("torch", "Tensor") for base in type(images).__mro__)


def _channels_last(images: Any) -> UInt8Image:
    """The images as a checked HW3 or BHW3 array; numpy ones as they are."""
    if not _is_tensor(images):
        _require_images(images, (3, 4), "numpy HW3 or BHW3, or torch 3HW or B3HW")
        return cast(UInt8Image, images)
    if str(images.dtype) != "torch.uint8":
        raise TypeError(f"images must be uint8 0..255, got {images.dtype} of shape {tuple(images.shape)}")
    if images.ndim not in (3, 4) or images.shape[-3] != 3:
        raise ValueError(f"torch images must be RGB, 3HW or B3HW, got shape {tuple(images.shape)}")
    array = np.ascontiguousarray(np.moveaxis(images.detach().cpu().numpy(), -3, -1))
    _require_images(array, (3, 4))
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
    if isinstance(image_ids, str | int | AbstractSet):  # a text is a sequence too, of letters; a set has no order
        raise TypeError(f"a batch of {count} images takes a sequence of ids, got {image_ids!r}")
    ids = [_as_id(image_id) for image_id in image_ids]
    if len(ids) != count:
        raise ValueError(f"{count} images need {count} ids, got {len(ids)}")
    return ids
