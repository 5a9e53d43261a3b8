"""Checks of the arguments of `corrupt` and of the JPEG step. Each message names what came instead."""

import numpy as np

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.corruption import MINIMUM_SIDE, SEVERITIES


def require_integer(word: str, value: object) -> None:
    """Accept an integer of Python or numpy.

    Raises:
        TypeError: it is something else, a bool among them.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{word} must be an integer, got {value!r} ({type(value).__name__})")


def require_condition(severity: int, seed: int) -> None:
    """Accept a severity 1..5 and an integer seed.

    Raises:
        TypeError, ValueError: it is something else.
    """
    require_integer("severity", severity)
    if severity not in SEVERITIES:
        raise ValueError(f"severity must be 1..5, got {severity}")
    require_integer("seed", seed)


def plain(image: UInt8Image) -> UInt8Image:
    """The image itself where it is a contiguous array that may be written, else a copy that is one.

    Kernels would be compiled again for another kind of array.
    """
    known = type(image) is np.ndarray and image.flags.c_contiguous and image.flags.writeable
    return image if known else np.array(image, order="C")


def require_images(
    images: object, dimensions: tuple[int, ...], layouts: str = "HW3", least: int = MINIMUM_SIDE
) -> None:
    """Accept a uint8 RGB array, channels last, with one of these numbers of dimensions and sides of `least` px or more.

    Raises:
        TypeError, ValueError: it is something else.
    """
    if not isinstance(images, np.ndarray):
        raise TypeError(f"images must be uint8 {layouts}, got {type(images).__name__}")
    if images.dtype != np.uint8:
        raise TypeError(f"images must be uint8 0..255, got {images.dtype} of shape {images.shape}")
    if images.ndim not in dimensions or images.shape[-1] != 3:
        raise ValueError(f"images must be RGB, {layouts}, got shape {images.shape}")
    if min(images.shape[-3:-1]) < least:
        raise ValueError(f"images must be at least {least} px high and wide, got shape {images.shape}")
