"""Frost: ice on the lens.

Adds a random crop of a photo of frost: 1, 0.8, 0.7, 0.65, 0.6 of the image and 0.4, 0.6, 0.7, 0.7, 0.75 of the
frost (severity 1..5), then clips.

The code that made the published files crops the photo at its native size and draws among five photos. It has no rule
for an image that is as high or as wide as the photo, or more. There the package's rule is taken: the photo is enlarged
(cubic) by 1.1 times the larger ratio. The package enlarges every photo by 1.1 or more, and draws among six, two of
which are the same picture (`frost2.png`, `frost3.png`). Neither draws the last possible offset.

CIFAR-10-C has photos a fifth as large. OpenCV's linear interpolation made them, which at that ratio takes the middle
one of 5 x 5 pixels.

Randomness: numbers of stream 0, each times the count of choices, rounded down: 0 the photo, 1 the top row, 2 the left
column.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `frost` of hendrycks/robustness. The photos are those of the
package `imagecorruptions-imaug`; the cubic is OpenCV's (-0.75), in float64.
"""

from collections.abc import Sequence
from functools import cache, partial
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

import numpy as np

from robustbench_cls.core.arrays import Float64Array, Int64Array, UInt8Image
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.keys import Key
from robustbench_cls.corruptions.streams import integer


class Frost(NamedTuple):
    """The constants of one severity."""

    image: float
    """Share of the image."""
    frost: float
    """Share of the frost."""
    step: int = 1
    """Of the photo's rows and columns, the middle one of so many is taken."""


FROST = (Frost(1.0, 0.4), Frost(0.8, 0.6), Frost(0.7, 0.7), Frost(0.65, 0.7), Frost(0.6, 0.75))
CIFAR = (Frost(1.0, 0.2, 5), Frost(1.0, 0.3, 5), Frost(0.9, 0.4, 5), Frost(0.85, 0.4, 5), Frost(0.75, 0.45, 5))
"""The same of CIFAR-10-C, from `make_cifar_c.py` of hendrycks/robustness."""

PHOTOS = ("frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg", "frost6.jpg")
"""The package's files. The published ImageNet-C uses only the first five."""

ENLARGEMENT = 1.1
"""Factor by which the package enlarges each photo, and by which too small photos are enlarged beyond the image."""

Size: TypeAlias = tuple[int, int]


def apply(image_HW3: UInt8Image, severity: int, key: Key, constants: Sequence[Frost] = FROST) -> UInt8Image:
    """See `Corruption.apply`."""
    photo, step = integer(key, 0, 5), constants[severity - 1].step
    return render(image_HW3, severity, photo, *_offset(size_of(photo, image_HW3, step), image_HW3, key), constants)


def apply_package(image_HW3: UInt8Image, severity: int, key: Key) -> UInt8Image:
    """The package's: see `Corruption.apply`."""
    photo = integer(key, 0, 6)
    return render_package(image_HW3, severity, photo, *_offset(package_size(photo, image_HW3), image_HW3, key))


def render(
    image_HW3: UInt8Image, severity: int, photo: int, top: int, left: int, constants: Sequence[Frost] = FROST
) -> UInt8Image:
    """The image under a crop of photo 0..4 at this place."""
    frost = constants[severity - 1]
    return _frosted(image_HW3, frost, photo, size_of(photo, image_HW3, frost.step), top, left)


def render_package(image_HW3: UInt8Image, severity: int, photo: int, top: int, left: int) -> UInt8Image:
    """The image under a crop of the enlarged photo 0..5 at this place, as the package does it."""
    return _frosted(image_HW3, FROST[severity - 1], photo, package_size(photo, image_HW3), top, left)


def size_of(photo: int, image_HW3: UInt8Image, step: int = 1) -> Size:
    """Height and width of the photo before the crop: its own where the image is smaller, else enlarged."""
    height, width = _photo(photo, step).shape[:2]
    fits = height > image_HW3.shape[0] and width > image_HW3.shape[1]
    return (height, width) if fits else package_size(photo, image_HW3, step)


def package_size(photo: int, image_HW3: UInt8Image, step: int = 1) -> Size:
    """Height and width to which the package enlarges the photo before the crop."""
    height, width = _photo(photo, step).shape[:2]
    return _times((height, width), max(1, image_HW3.shape[0] / height, image_HW3.shape[1] / width))


def _times(size: Size, factor: float) -> Size:
    return ceil(size[0] * (factor * ENLARGEMENT)), ceil(size[1] * (factor * ENLARGEMENT))


def _offset(size: Size, image_HW3: UInt8Image, key: Key) -> tuple[int, int]:
    top, left = (integer(key, 1 + axis, size[axis] - image_HW3.shape[axis]) for axis in (0, 1))
    return top, left


def _frosted(image_HW3: UInt8Image, frost: Frost, number: int, size: Size, top: int, left: int) -> UInt8Image:
    height, width = image_HW3.shape[:2]
    photo_HW3 = _photo(number, frost.step)
    if size == photo_HW3.shape[:2]:
        crop_HW3 = photo_HW3[top : top + height, left : left + width]
    elif frost.step == 1 and size == _larger_photo(number).shape[:2]:
        crop_HW3 = _larger_photo(number)[top : top + height, left : left + width]
    else:
        crop_HW3 = enlarged_crop(photo_HW3, size, slice(top, top + height), slice(left, left + width))
    frosted = np.empty(image_HW3.shape, np.uint8)
    shares = frost.image, frost.frost
    _add(image_HW3.reshape(height, -1), crop_HW3.reshape(height, -1), *shares, frosted.reshape(height, -1))
    return frosted


@cache
def _photo(number: int, step: int = 1) -> UInt8Image:
    """The photo of this number, RGB, read once; of its rows and columns, the middle one of `step`."""
    from PIL import Image

    path = _folder() / PHOTOS[number]
    try:
        return np.array(np.array(Image.open(path).convert("RGB"))[step // 2 :: step, step // 2 :: step])
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises for a damaged file
        raise UserError(
            f"frost needs the photo {path}, which is missing or damaged ({error}).\n"
            "Install the package again: pip install --force-reinstall --no-deps imagecorruptions-imaug"
        ) from error


def _folder() -> Path:
    """Where the package keeps its photos. It is not imported: that takes a second, and needs OpenCV."""
    spec = find_spec("imagecorruptions")
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            f"frost needs the photos of frost ({PHOTOS[0]} ...) of the package imagecorruptions-imaug, "
            "which is not installed.\nInstall it: pip install imagecorruptions-imaug"
        )
    return Path(spec.submodule_search_locations[0]) / "frost"


@cache
def _larger_photo(number: int) -> UInt8Image:
    """The photo enlarged as the package does it for images no larger than the photo."""
    height, width = size = _times(_photo(number).shape[:2], 1)
    return enlarged_crop(_photo(number), size, slice(0, height), slice(0, width))


def enlarged_crop(photo_HW3: UInt8Image, size: Size, rows: slice, columns: slice) -> UInt8Image:
    """These rows and columns of the photo after it is enlarged to this size by cubic interpolation."""
    above_H4, down_H4 = _cubic(photo_HW3.shape[0], size[0], rows)
    before_W4, across_W4 = _cubic(photo_HW3.shape[1], size[1], columns)
    enlarged = np.empty((len(above_H4), len(before_W4), 3), np.uint8)
    photo_HV, enlarged_HV = (picture.reshape(len(picture), -1) for picture in (photo_HW3, enlarged))
    _enlarge(photo_HV, above_H4, down_H4, before_W4 * 3, across_W4, enlarged_HV)
    return enlarged


def _cubic(size: int, enlarged: int, part: slice) -> tuple[Int64Array, Float64Array]:
    """Four places of the axis, with their weights, for each place in this part of the enlarged axis."""
    places_N = (np.arange(part.start, part.stop) + 0.5) * (size / enlarged) - 0.5
    before_N = np.floor(places_N)
    distance_N4 = np.abs((places_N - before_N)[:, None] - np.arange(-1, 3))
    near_N4 = (1.25 * distance_N4 - 2.25) * distance_N4 * distance_N4 + 1
    far_N4 = ((-0.75 * distance_N4 + 3.75) * distance_N4 - 6) * distance_N4 + 3
    taken_N4 = np.clip(before_N.astype(np.int64)[:, None] + np.arange(-1, 3), 0, size - 1)
    return taken_N4, np.where(distance_N4 <= 1, near_N4, far_N4)


@kernel
def _enlarge(
    photo_HV: UInt8Image,
    above_H4: Int64Array,
    down_H4: Float64Array,
    before_W4: Int64Array,
    across_W4: Float64Array,
    enlarged_HV: UInt8Image,
) -> None:
    sums_V = np.empty(photo_HV.shape[1])
    for y in range(above_H4.shape[0]):
        sums_V[:] = 0.5
        for i in range(4):
            photo_V, weight = photo_HV[above_H4[y, i]], down_H4[y, i]
            for j in range(sums_V.size):
                sums_V[j] += weight * photo_V[j]
        for x in range(before_W4.shape[0]):
            a, b, c, d = before_W4[x, 0], before_W4[x, 1], before_W4[x, 2], before_W4[x, 3]
            first, second, third, fourth = across_W4[x, 0], across_W4[x, 1], across_W4[x, 2], across_W4[x, 3]
            for channel in range(3):
                value = sums_V[a + channel] * first + sums_V[b + channel] * second
                value += sums_V[c + channel] * third + sums_V[d + channel] * fourth
                enlarged_HV[y, 3 * x + channel] = np.uint8(min(max(value, 0.0), 255.0))


# In float64, as in the original: many sums are whole numbers, so the last bit decides how they round down.


@kernel
def _add(
    image_HV: UInt8Image, frost_HV: UInt8Image, image_share: float, frost_share: float, frosted_HV: UInt8Image
) -> None:
    for y in range(image_HV.shape[0]):
        image_V, frost_V, frosted_V = image_HV[y], frost_HV[y], frosted_HV[y]
        for i in range(image_V.size):
            value = image_share * np.float64(image_V[i]) + frost_share * np.float64(frost_V[i])
            frosted_V[i] = np.uint8(min(value, 255.0))


CORRUPTION = Corruption(
    name="frost",
    group="weather",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    variants=MappingProxyType({"imagecorruptions": apply_package, "cifar": partial(apply, constants=CIFAR)}),
    digests=MappingProxyType(
        {"published": "e8e331d65c695aa7", "imagecorruptions": "28c642340c417eba", "cifar": "4dccb53d249a360b"}
    ),
)
