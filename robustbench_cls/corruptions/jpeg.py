"""The JPEG round trip: the last step of the published ImageNet-C, and the corruption `jpeg_compression`."""

from io import BytesIO
from typing import cast

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.corruptions.checks import require_images, require_integer

QUALITY = 85
"""The quality at which the published ImageNet-C files were saved."""

LARGEST = 65500
"""The longest side, in pixels, of a JPEG file that libjpeg writes."""


def jpeg_roundtrip(image_HW3: UInt8Image, quality: int = QUALITY) -> UInt8Image:
    """The image after saving as JPEG (4:2:0) and loading again.

    Args:
        image_HW3: uint8 RGB; not modified.
        quality: 1 .. 100, as Pillow counts.

    Returns:
        The pixels that Pillow gives. simplejpeg's decoder is the same libjpeg-turbo with the same settings and takes
        less time; its encoder has other settings. The published files were saved with `optimize=True`, which makes
        smaller files of the same pixels.

    Raises:
        TypeError, ValueError: another type, shape or quality.

    Source: `make_imagenet_c.py` of hendrycks/robustness.
    """
    from simplejpeg import decode_jpeg

    return cast(UInt8Image, decode_jpeg(jpeg_file(image_HW3, quality), "RGB"))


def jpeg_file(image_HW3: UInt8Image, quality: int = QUALITY) -> bytes:
    """The JPEG file that `jpeg_roundtrip` loads again."""
    from PIL import Image

    require_integer("quality", quality)
    if not 1 <= quality <= 100:
        raise ValueError(f"quality must be 1..100, got {quality}")
    require_images(image_HW3, (3,))
    if max(image_HW3.shape) > LARGEST:
        raise ValueError(f"JPEG files are at most {LARGEST} px wide and high, got shape {image_HW3.shape}")
    file = BytesIO()
    Image.fromarray(image_HW3).save(file, "JPEG", quality=int(quality))
    return file.getvalue()
