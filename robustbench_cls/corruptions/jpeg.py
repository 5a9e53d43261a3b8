"""The JPEG round trip: the last step of the published ImageNet-C, and the corruption `jpeg_compression`."""

from typing import cast

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.corruptions.checks import require_images, require_integer
from robustbench_cls.corruptions.opencv import opencv

QUALITY = 85
"""The quality at which the published ImageNet-C files were saved."""

LARGEST = 65500
"""Pixels a side that libjpeg writes."""


def jpeg_roundtrip(image_HW3: UInt8Image, quality: int = QUALITY) -> UInt8Image:
    """The image after saving as JPEG (4:2:0) and loading again.

    Args:
        image_HW3: uint8 RGB; not modified.
        quality: 1 .. 100, as Pillow counts.

    Returns:
        The pixels that Pillow gives: OpenCV's encoder and simplejpeg's decoder are the same libjpeg-turbo with the
        same settings, without a Pillow image in between (simplejpeg's encoder has other settings, OpenCV's decoder
        takes a third longer). The published files were saved with `optimize=True`, which makes smaller files of
        the same pixels.

    Raises:
        TypeError, ValueError: another type, shape or quality.
        UserError: OpenCV can't be loaded.

    Source: `make_imagenet_c.py` of hendrycks/robustness.
    """
    from simplejpeg import decode_jpeg

    return cast(UInt8Image, decode_jpeg(jpeg_file(image_HW3, quality).data, "RGB"))


def jpeg_file(image_HW3: UInt8Image, quality: int = QUALITY) -> UInt8Image:
    """The bytes of the JPEG file that `jpeg_roundtrip` loads again, as a flat array."""
    require_integer("quality", quality)
    if not 1 <= quality <= 100:
        raise ValueError(f"quality must be 1..100, got {quality}")
    require_images(image_HW3, (3,))
    if max(image_HW3.shape) > LARGEST:
        raise ValueError(f"JPEG files are at most {LARGEST} px wide and high, got shape {image_HW3.shape}")
    cv2 = opencv()
    bgr_HW3 = cv2.cvtColor(image_HW3, cv2.COLOR_RGB2BGR)
    return cast(UInt8Image, cv2.imencode(".jpg", bgr_HW3, (cv2.IMWRITE_JPEG_QUALITY, int(quality)))[1])
