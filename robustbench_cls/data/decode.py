"""Decode image files to uint8 RGB."""

import io
import re

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

PPM_START = re.compile(rb"P6 ([1-9]\d*) ([1-9]\d*) 255\n")

SEQUENTIAL, OTHER_FRAMES = (0xC0, 0xC1), (0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
"""Markers of frame headers in JPEG files."""

LARGEST_BLOCK, MARGIN = 32, 8
"""Rows that a JPEG file stores together at most, and how far below a row its colours may depend on others."""

LEFT_OVER = "extraneous bytes before marker 0xd9"
"""How the decoder's complaint ends where it was told to stop before the end."""

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


def jpeg_shape(data: bytes) -> tuple[int, int] | None:
    """Height and width of a JPEG photo that `decode_jpeg` reads; None for all other files."""
    if not data.startswith(JPEG_START):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return None
    return (height, width) if colours in ("YCbCr", "Gray", "RGB") and height * width <= MOST_PIXELS else None


def decode_jpeg(data: bytes) -> Pixels | None:
    """Decode a JPEG photo to the pixels of `decode_rgb`, without a Pillow image.

    Returns:
        Pixels in the thread's working memory; the next call overwrites them. None for all other files, and where
        the decoder finds any fault in the file: `decode_rgb` then decides whether that is an error.
    """
    shape = jpeg_shape(data)
    if shape is None:
        return None
    pixels = working_pixels("decoded", *shape)
    try:
        simplejpeg.decode_jpeg(data, "RGB", buffer=pixels.image)
    except ValueError:
        return None
    return pixels


def decode_ppm(data: bytes) -> Pixels | None:
    """The pixels of a PPM file as `data.arrays` gives them, a tenth of Pillow's time; None for all other files."""
    start = PPM_START.match(data)
    if start is None:
        return None
    width, height = int(start[1]), int(start[2])
    if height * width > MOST_PIXELS or len(data) != start.end() + height * width * 3:
        return None
    pixels = working_pixels("decoded", height, width)
    pixels.image[:] = np.frombuffer(data, np.uint8, offset=start.end()).reshape(height, width, 3)
    return pixels


def decode_jpeg_top(data: bytes, rows: int) -> Pixels | None:
    """The first `rows` rows of `decode_jpeg`, and what else it took to get them right; no more is decoded.

    The decoder reads a file whose header tells of fewer rows than there are, and complains at the end of the bytes that
    are left over. It does so for sequential files alone. A fault further down is not found.

    Returns:
        Pixels as of `decode_jpeg`.
    """
    shape, place = jpeg_shape(data), _frame_header(data)
    needed = -(-(rows + MARGIN) // LARGEST_BLOCK) * LARGEST_BLOCK
    if shape is None or place is None or needed >= shape[0]:
        return decode_jpeg(data)
    pixels = working_pixels("decoded", needed, shape[1])
    shortened = b"".join((data[: place + 5], needed.to_bytes(2, "big"), data[place + 7 :]))
    try:
        simplejpeg.decode_jpeg(shortened, "RGB", buffer=pixels.image)
    except ValueError as error:
        return pixels if str(error).endswith(LEFT_OVER) else decode_jpeg(data)
    return pixels


def _frame_header(data: bytes) -> int | None:
    """Where the frame header of a sequential JPEG file begins; None in other files."""
    place = 2
    while place + 9 < len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker in SEQUENTIAL:
            return place
        if marker in OTHER_FRAMES:
            return None
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return None


def _eight_bits(values: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> UInt8Image:
    return np.clip((values.astype(np.int64) + 128) // 257, 0, 255).astype(np.uint8)
