"""Digests of each corruption's output on one small picture, the same on every machine for one engine `VERSION`.

Each corruption's file holds its digests. Whoever changes one must raise the version.
"""

import hashlib

import numpy as np

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.corruption import SEVERITIES, Variant
from robustbench_cls.corruptions.engine import all_corruptions, corrupt


def known_digests() -> dict[tuple[str, Variant], str]:
    """The digests that the corruptions say of themselves, by corruption and variant."""
    return {(c.name, variant): own for c in all_corruptions().values() for variant, own in c.digests.items()}


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
