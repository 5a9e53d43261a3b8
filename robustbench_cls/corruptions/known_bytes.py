"""Digests of each corruption's output on one small picture, the same on every machine for one engine `VERSION`.

Whoever changes a digest must raise the version.
"""

import hashlib

import numpy as np

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.corruption import SEVERITIES, Variant
from robustbench_cls.corruptions.engine import corrupt

DIGESTS: dict[tuple[str, Variant], str] = {
    ("gaussian_noise", "published"): "54b82fd8d9f94f34",
    ("shot_noise", "published"): "cd78429a6ce4e1a0",
    ("impulse_noise", "published"): "e63ab4200b436850",
    ("defocus_blur", "published"): "4bed13a038daa916",
    ("glass_blur", "published"): "09709cd30ec0ea85",
    ("motion_blur", "published"): "81d026ebd43c33bb",
    ("motion_blur", "imagecorruptions"): "a36a47568eaa8e30",
    ("zoom_blur", "published"): "8887da00eec2630e",
    ("snow", "published"): "34723a4c1b090a02",
    ("snow", "imagecorruptions"): "53a7c465b726ab66",
    ("frost", "published"): "e8e331d65c695aa7",
    ("frost", "imagecorruptions"): "28c642340c417eba",
    ("fog", "published"): "8077e2a580a7b1fd",
    ("brightness", "published"): "52213df4153a38f9",
    ("contrast", "published"): "5b6afbb39c986112",
    ("elastic_transform", "published"): "96cf4e762ed2a807",
    ("elastic_transform", "imagecorruptions"): "df50c37e88f5f8c4",
    ("pixelate", "published"): "f73071e19a089af7",
    ("jpeg_compression", "published"): "4b73fcdb8cd16524",
    ("speckle_noise", "published"): "931093998cdf8f76",
    ("gaussian_blur", "published"): "2bffd89f6ae0500e",
    ("spatter", "published"): "87bcceaeb7424699",
    ("saturate", "published"): "a8bfbfe5a24c6da6",
}
"""The digest by corruption and variant."""


def picture() -> UInt8Image:
    """The small picture: a gradient, blocks and noise, computed in whole numbers."""
    y_HW, x_HW = np.mgrid[:72, :64]
    blocks_HW = (y_HW // 12 * 37 + x_HW // 16 * 53) % 160
    noise_HW3 = np.random.Generator(np.random.PCG64(0)).integers(0, 60, (72, 64, 3))
    picture_HW3: UInt8Image = (blocks_HW[..., None] + noise_HW3 + np.arange(3) * 12).astype(np.uint8)
    return picture_HW3


def digest(name: str, variant: Variant) -> str:
    """The first 16 hex digits of SHA-256 over the picture under all severities."""
    images = [corrupt(picture(), name, severity, image_ids="a.png", seed=1, variant=variant) for severity in SEVERITIES]
    return hashlib.sha256(np.stack(images).tobytes()).hexdigest()[:16]
