"""The nine operations that PixMix changes an image with, in Pillow.

They are AugMix's. None is a test corruption: color, contrast, brightness and sharpness are left out.

Source: `augmentations` in `pixmix_utils.py` of andyzoujm/pixmix.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from PIL import Image, ImageOps

MOST_LEVEL = 10
"""An operation's level runs up to here, where its amount is largest and posterize keeps no bit."""


class Step(NamedTuple):
    """An operation on an image."""

    operation: str
    """A key of `OPERATIONS`."""
    level: float
    """Strength, from 0 to `MOST_LEVEL`; autocontrast and equalize have none."""
    backwards: bool
    """Whether pixels move the other way; the four operations on values have no direction."""


def changed(image: Image.Image, step: Step) -> Image.Image:
    """The image after an operation."""
    return OPERATIONS[step.operation](image, step)


def autocontrast(image: Image.Image, step: Step) -> Image.Image:
    """Stretch each channel's values to 0..255."""
    return ImageOps.autocontrast(image)


def equalize(image: Image.Image, step: Step) -> Image.Image:
    """Spread each channel's values so that each range of values has as many pixels."""
    return ImageOps.equalize(image)


def posterize(image: Image.Image, step: Step) -> Image.Image:
    """Keep the 4 to 0 highest bits."""
    return ImageOps.posterize(image, 4 - _whole(step.level, 4))


def solarize(image: Image.Image, step: Step) -> Image.Image:
    """Invert the values from a threshold on."""
    return ImageOps.solarize(image, 256 - _whole(step.level, 256))


def rotate(image: Image.Image, step: Step) -> Image.Image:
    """Turn by whole degrees, at most 30."""
    return image.rotate(_sign(step) * _whole(step.level, 30), resample=Image.Resampling.BILINEAR)


def shear_x(image: Image.Image, step: Step) -> Image.Image:
    """Move rows by up to 0.3 of their distance from the upper edge."""
    return _affine(image, (1, _sign(step) * step.level * 0.3 / MOST_LEVEL, 0, 0, 1, 0))


def shear_y(image: Image.Image, step: Step) -> Image.Image:
    """Move columns by up to 0.3 of their distance from the left edge."""
    return _affine(image, (1, 0, 0, _sign(step) * step.level * 0.3 / MOST_LEVEL, 1, 0))


def translate_x(image: Image.Image, step: Step) -> Image.Image:
    """Move to the side by up to a third of the width."""
    return _moved(image, _sign(step) * _whole(step.level, image.width / 3), 0)


def translate_y(image: Image.Image, step: Step) -> Image.Image:
    """Move up or down by up to a third of the height."""
    return _moved(image, 0, _sign(step) * _whole(step.level, image.height / 3))


OPERATIONS: Mapping[str, Callable[[Image.Image, Step], Image.Image]] = MappingProxyType(
    {
        "autocontrast": autocontrast,
        "equalize": equalize,
        "posterize": posterize,
        "rotate": rotate,
        "solarize": solarize,
        "shear_x": shear_x,
        "shear_y": shear_y,
        "translate_x": translate_x,
        "translate_y": translate_y,
    }
)


def _whole(level: float, most: float) -> int:
    """An amount in whole numbers, rounded down."""
    return int(level * most / MOST_LEVEL)


def _sign(step: Step) -> int:
    return -1 if step.backwards else 1


def _affine(image: Image.Image, matrix: tuple[float, ...]) -> Image.Image:
    return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)


def _moved(image: Image.Image, right: int, down: int) -> Image.Image:
    """The pixels `right` to the right and `down` below; black outside, as an affine map leaves it."""
    return image.crop((right, down, right + image.width, down + image.height))
