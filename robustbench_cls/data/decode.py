"""From the bytes of an image file to uint8 RGB."""

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from robustbench_cls.core.corruption import UInt8Image
from robustbench_cls.core.errors import UserError

Image.MAX_IMAGE_PIXELS = 512 * 1024 * 1024


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


def _eight_bits(values: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> UInt8Image:
    return np.clip((values.astype(np.int64) + 128) // 257, 0, 255).astype(np.uint8)
