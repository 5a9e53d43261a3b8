"""The JPEG round trip: the last step of the published ImageNet-C, and the corruption `jpeg_compression`.

Saving a JPEG file and loading it again changes an image in three ways: colours are rounded to Y, Cb and Cr, Cb and Cr
are halved (`jpeg_planes`), and frequencies are rounded to multiples of steps (`jpeg_blocks`). The rest, entropy coding,
loses nothing. So `jpeg_roundtrip` leaves it out, and writes no file. The pixels are the same as Pillow's.
"""

from functools import cache
from io import BytesIO

import numpy as np

from robustbench_cls.core.arrays import UInt8Image, UInt16Array
from robustbench_cls.core.corruption import Variant
from robustbench_cls.corruptions.checks import plain, require_images, require_integer
from robustbench_cls.corruptions.jpeg_blocks import divisors, through_steps
from robustbench_cls.corruptions.jpeg_planes import image_of, planes_of

QUALITY = 85
"""The quality at which the published ImageNet-C files were saved."""

LARGEST = 65500
"""The longest side, in pixels, of a JPEG file that libjpeg writes."""

LUMA_STEPS = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Steps of the frequencies of Y at quality 50, by row and column: ITU-T T.81, table K.1."""

CHROMA_STEPS = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
"""Those of Cb and Cr: table K.2."""


def stored_quality(variant: Variant) -> int:
    """The quality at which images of this variant are saved; 0 for CIFAR-10-C, which is an array of pixels."""
    return 0 if variant == "cifar" else QUALITY


def jpeg_roundtrip(image_HW3: UInt8Image, quality: int = QUALITY) -> UInt8Image:
    """The image after saving as JPEG (4:2:0) and loading again.

    Args:
        image_HW3: uint8 RGB; not modified.
        quality: 1 .. 100, as Pillow counts.

    Returns:
        The pixels that Pillow gives. The published files were saved with `optimize=True`, which makes smaller files of
        the same pixels.

    Raises:
        TypeError, ValueError: another type, shape or quality.

    Source: `make_imagenet_c.py` of hendrycks/robustness; for the rounding, libjpeg-turbo.
    """
    _check(image_HW3, quality)
    planes = planes_of(plain(image_HW3))
    luma, chroma = _divisors(int(quality))
    through_steps(planes.luma_8N, luma)
    through_steps(planes.chroma_8N, chroma)
    return image_of(planes, *image_HW3.shape[:2])


def jpeg_file(image_HW3: UInt8Image, quality: int = QUALITY) -> bytes:
    """A JPEG file that loads as `jpeg_roundtrip`."""
    from PIL import Image

    _check(image_HW3, quality)
    file = BytesIO()
    Image.fromarray(image_HW3).save(file, "JPEG", quality=int(quality))
    return file.getvalue()


def _check(image_HW3: UInt8Image, quality: int) -> None:
    require_integer("quality", quality)
    if not 1 <= quality <= 100:
        raise ValueError(f"quality must be 1..100, got {quality}")
    require_images(image_HW3, (3,), least=1)
    if max(image_HW3.shape) > LARGEST:
        raise ValueError(f"JPEG files are at most {LARGEST} px wide and high, got shape {image_HW3.shape}")


@cache
def _divisors(quality: int) -> tuple[UInt16Array, UInt16Array]:
    """Of Y, and of Cb and Cr. Quality scales the tables by up to 50 (1) and down to 0 (100); steps are 1 to 255."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    luma, chroma = (
        divisors(np.clip((np.array(table) * percent + 50) // 100, 1, 255).reshape(-1))
        for table in (LUMA_STEPS, CHROMA_STEPS)
    )
    return luma, chroma
