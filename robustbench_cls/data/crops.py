"""Cut an image to the uint8 crop that is corrupted, and fit a crop to the model's input size."""

from typing import cast

import numpy as np
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import center_crop, resize

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.suite import Protocol
from robustbench_cls.data.decode import LARGEST, MOST_PIXELS, decode_jpeg, decode_ppm, decode_rgb
from robustbench_cls.data.resize import SUPPORT, Interpolation, Pixels, Window, resized_window, working_pixels


def interpolation_mode(name: str) -> InterpolationMode:
    """torchvision's interpolation mode of that name.

    Raises:
        UserError: there is no such mode.
    """
    try:
        return InterpolationMode(name)
    except ValueError as error:
        known = ", ".join(mode.value for mode in InterpolationMode)
        raise UserError(f"Unknown interpolation '{name}'. Known: {known}.") from error


def crop_of(data: bytes, name: str, protocol: Protocol) -> UInt8Image:
    """The crop of an encoded image: the pixels of `crop(decode_rgb(data, name), protocol)`, in half the time.

    JPEG files of photos make no Pillow image on the way. Of no image more is resized than the crop shows, so that one
    of 1 x 60,000 px takes no memory to speak of.

    Args:
        data: the encoded file.
        name: what to call the file in errors.
        protocol: `resize`, `crop` and `interpolation` are used, as in `crop`.

    Returns:
        uint8 HW3, a fresh array. Several threads may call this at once.

    Raises:
        UserError: the file is not a readable image, or the interpolation has no known name.
    """
    known = not protocol.resize or (protocol.interpolation or "bilinear") in SUPPORT
    pixels = (decode_jpeg(data) or decode_ppm(data)) if known else None
    if pixels is not None:
        return crop_pixels(pixels, protocol)
    image = decode_rgb(data, name)
    height, width = _resized_shape((image.height, image.width), protocol.resize or 0)
    if known and image.height * image.width <= MOST_PIXELS:
        pixels = working_pixels("decoded", image.height, image.width)
        pixels.image[:] = np.asarray(image)
        return crop_pixels(pixels, protocol)
    if height * width > LARGEST:
        raise UserError(
            f"{name} is {image.width} x {image.height} px and would be resized to {width} x {height}. Cut it to a "
            "more usual shape, or leave it out."
        )
    return crop(image, protocol)


def crop_pixels(pixels: Pixels, protocol: Protocol) -> UInt8Image:
    """The crop that `crop` makes of the same pixels in a Pillow image, by `bilinear` or `bicubic` interpolation."""
    shape = pixels.height, pixels.width
    resized = _resized_shape(shape, protocol.resize or 0)
    rows, columns = (
        Window(size, to, *_middle(to, protocol.crop or to)) for size, to in zip(shape, resized, strict=True)
    )
    if resized == shape:
        middle_HW3 = pixels.image[rows.start : rows.stop, columns.start : columns.stop].copy()
    else:
        interpolation = cast(Interpolation, protocol.interpolation or "bilinear")
        middle_HW3 = resized_window(pixels, rows, columns, interpolation)
    return _padded(middle_HW3, protocol.crop or 0)


def _resized_shape(shape: tuple[int, int], shorter: int) -> tuple[int, int]:
    """Height and width after resizing, rounded as torchvision does; resize 0 keeps them."""
    if not shorter:
        return shape
    height, width = shape
    if width <= height:
        return int(shorter * height / width), shorter
    return shorter, int(shorter * width / height)


def _middle(size: int, wanted: int) -> tuple[int, int]:
    """Where the middle begins and ends, rounded as torchvision does. A side that is shorter is taken whole."""
    start = max(round((size - wanted) / 2), 0)
    return start, min(start + wanted, size)


def _padded(image_HW3: UInt8Image, side: int) -> UInt8Image:
    """The crop in the middle of a black square, where a side is too short; else the crop."""
    height, width, _ = image_HW3.shape
    if height >= side and width >= side:
        return image_HW3
    square_SS3 = np.zeros((max(side, height), max(side, width), 3), np.uint8)
    top, left = (square_SS3.shape[0] - height) // 2, (square_SS3.shape[1] - width) // 2
    square_SS3[top : top + height, left : left + width] = image_HW3
    return square_SS3


def crop(image: Image.Image, protocol: Protocol) -> UInt8Image:
    """Resize the shorter side to `protocol.resize`, then cut the centre square of `protocol.crop` px.

    0 leaves a step out.

    Returns:
        uint8 HW3, a fresh array.
    """
    if protocol.resize:
        image = resize(image, [protocol.resize], interpolation_mode(protocol.interpolation or "bilinear"))
    if protocol.crop:
        image = center_crop(image, [protocol.crop, protocol.crop])
    return np.array(image, dtype=np.uint8)


def fit(image_HW3: UInt8Image, size: int, interpolation: str) -> UInt8Image:
    """Resize the whole image to the model's input size, with Pillow's pixels. An image of that size is given back."""
    height, width = image_HW3.shape[:2]
    if (height, width) == (size, size):
        return image_HW3
    if interpolation in SUPPORT:
        pixels = working_pixels("fitted", height, width)
        pixels.image[:] = image_HW3
        rows, columns = Window(height, size, 0, size), Window(width, size, 0, size)
        return resized_window(pixels, rows, columns, interpolation)
    scaled = resize(Image.fromarray(image_HW3), [size, size], interpolation_mode(interpolation))
    return np.array(scaled, dtype=np.uint8)
