"""Decode image files to uint8 RGB."""

import io

import numpy as np
import simplejpeg
from PIL import Image, UnidentifiedImageError

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.errors import UserError, first_line
from robustbench_cls.data.resize import Pixels, working_pixels

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
"""Formats that are read, whatever a file's name ends in: decoders of others may be slow, or ask for programs."""

LARGEST = 512 * 1024 * 1024
"""Pixels of the largest image that is read; it takes 1.5 GB."""

Image.MAX_IMAGE_PIXELS = LARGEST

DAMAGED = (OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, OverflowError, MemoryError)
"""Errors that Pillow's decoders raise on damaged files."""

JPEG_START = b"\xff\xd8\xff"

MOST_PIXELS = 16 * 1024 * 1024
"""Larger JPEG files are left to Pillow, because each thread keeps three bytes for each pixel."""


def decode_rgb(data: bytes, name: str) -> Image.Image:
    """Decode a file of any mode to a Pillow RGB image.

    Greyscale, palette and CMYK are converted as Pillow does. An alpha channel is dropped. 16-bit values
    are scaled to 8 bits (Pillow would clip them to white). EXIF orientation is not applied; the usual
    ImageNet programs don't apply it either.

    Args:
        data: the encoded file.
        name: what to call the file in errors.

    Raises:
        UserError: the file is truncated, is no image, or holds floating-point pixels.
    """
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
        if image.width * image.height > LARGEST:
            raise ValueError(f"{image.width} x {image.height} px are more than {LARGEST:,} in all")
        image.load()
    except UnidentifiedImageError as error:
        raise UserError(
            f"{name} is not a readable image (none of {', '.join(FORMATS)}). Fetch it again, or delete it."
        ) from error
    except (*DAMAGED, Image.DecompressionBombError) as error:
        raise UserError(
            f"{name} is not a readable image ({first_line(error)}). Fetch it again, or delete it."
        ) from error
    if image.mode == "RGB":
        return image
    if image.mode == "F":
        raise UserError(f"{name} holds floating-point pixels, whose range is unknown. Save it with 8 or 16 bits.")
    if image.mode.startswith("I"):
        return Image.fromarray(_eight_bits(np.asarray(image))).convert("RGB")
    if image.mode == "P":
        image = image.convert("RGBA")
    return image.convert("RGB")


def decode_jpeg(data: bytes) -> Pixels | None:
    """Decode a JPEG photo to the pixels of `decode_rgb`, without a Pillow image.

    Returns:
        Pixels in the thread's working memory; the next call overwrites them. None for all other files, and where
        the decoder finds any fault in the file: `decode_rgb` then decides whether that is an error.
    """
    if not data.startswith(JPEG_START):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if colours not in ("YCbCr", "Gray", "RGB") or height * width > MOST_PIXELS:
            return None
        pixels = working_pixels("decoded", height, width)
        simplejpeg.decode_jpeg(data, "RGB", buffer=pixels.image)
    except ValueError:
        return None
    return pixels


def _eight_bits(values: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> UInt8Image:
    return np.clip((values.astype(np.int64) + 128) // 257, 0, 255).astype(np.uint8)
