"""From the bytes of an image file to uint8 RGB."""

import io
from typing import Literal, cast

import numpy as np
import simplejpeg
from PIL import Image, UnidentifiedImageError

from robustbench_cls.core.corruption import UInt8Image
from robustbench_cls.core.errors import UserError
from robustbench_cls.corruptions.scratch import scratch

Image.MAX_IMAGE_PIXELS = 512 * 1024 * 1024

JPEG_START = b"\xff\xd8\xff"

MOST_PIXELS = 16 * 1024 * 1024
"""Of what is decoded without Pillow: a thread keeps four bytes for each."""


def decode_rgb(data: bytes, name: str) -> Image.Image:
    """The image as Pillow RGB, whatever its mode.

    Greyscale, palette and CMYK are converted as Pillow does; an alpha channel is dropped; 16-bit values
    are scaled to 8 bits (Pillow would clip them to white). EXIF orientation is not applied, as in the
    ImageNet tool chains.

    Args:
        data: the encoded file.
        name: what to call the file in errors.

    Raises:
        UserError: truncated, no image at all, or of a floating-point mode.
    """
    try:
        image: Image.Image = Image.open(io.BytesIO(data))
        image.load()
    except UnidentifiedImageError as error:
        raise UserError(f"{name} is not a readable image (no known format). Fetch it again, or delete it.") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{name} is not a readable image ({error}). Fetch it again, or delete it.") from error
    if image.mode == "RGB":
        return image
    if image.mode == "F":
        raise UserError(f"{name} holds floating-point pixels, whose range is unknown. Save it with 8 or 16 bits.")
    if image.mode.startswith("I"):
        return Image.fromarray(_eight_bits(np.asarray(image))).convert("RGB")
    if image.mode == "P":
        image = image.convert("RGBA")
    return image.convert("RGB")


def jpeg_shape(data: bytes) -> tuple[int, int] | None:
    """Height and width of a JPEG file that `decode_jpeg` may know, None for all that is left to `decode_rgb`."""
    if not data.startswith(JPEG_START):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return None
    known = colours in ("YCbCr", "Gray", "RGB") and height * width <= MOST_PIXELS
    return (height, width) if known else None


def decode_jpeg(data: bytes, shape: tuple[int, int], channels: Literal[3, 4]) -> UInt8Image | None:
    """The pixels of `decode_rgb`, by the same libjpeg-turbo without Pillow around it.

    Args:
        data: the encoded file.
        shape: its `jpeg_shape`.
        channels: 3 for RGB in a fresh array, 4 for RGB and a byte of no meaning in the thread's working memory.

    Returns:
        uint8 HW3 or HW4, or None where the decoder stumbles over anything, however small: `decode_rgb` then
        decides whether these are pixels or an error.
    """
    memory = scratch("decoded", (*shape, 4), np.uint8) if channels == 4 else np.empty((*shape, 3), np.uint8)
    try:
        return cast(UInt8Image, simplejpeg.decode_jpeg(data, "RGB" if channels == 3 else "RGBX", buffer=memory))
    except ValueError:
        return None


def _eight_bits(values: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> UInt8Image:
    return np.clip((values.astype(np.int64) + 128) // 257, 0, 255).astype(np.uint8)
