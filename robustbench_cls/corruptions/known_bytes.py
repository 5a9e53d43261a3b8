"""Digests of each corruption's output on one small picture, the same on every machine for one engine `VERSION`.

Each corruption's file holds its digests. Whoever changes one must raise the version. A corruption of the user's own
has no version, so its digest is part of a run's identity.
"""

import hashlib
from collections.abc import Collection

import numpy as np

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.corruption import MINIMUM_SIDE, SEVERITIES, Corruption, Variant
from robustbench_cls.core.discovery import own_file_of, packaged
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.own_code import text_sha256
from robustbench_cls.core.suite import Suite
from robustbench_cls.corruptions.engine import all_corruptions, corrupt


def known_digests() -> dict[tuple[str, Variant], str]:
    """The digests that the corruptions say of themselves, by corruption and variant."""
    return {(c.name, variant): own for c in all_corruptions().values() for variant, own in c.digests.items()}


def picture(height: int = 72, width: int = 64) -> UInt8Image:
    """The small picture: a gradient, blocks and noise, computed in whole numbers."""
    y_HW, x_HW = np.mgrid[:height, :width]
    blocks_HW = (y_HW // 12 * 37 + x_HW // 16 * 53) % 160
    noise_HW3 = np.random.Generator(np.random.PCG64(0)).integers(0, 60, (height, width, 3))
    picture_HW3: UInt8Image = (blocks_HW[..., None] + noise_HW3 + np.arange(3) * 12).astype(np.uint8)
    return picture_HW3


def digest(name: str, variant: Variant) -> str:
    """The first 16 hex digits of SHA-256 over the picture under all severities; that of CIFAR's variant has 32 px."""
    return _digest_of(picture(32, 32) if variant == "cifar" else picture(), name, variant)


def own_sha256(names: Collection[str], variant: Variant, side: int) -> str:
    """A SHA-256 hex digest of the user's own corruptions among these; empty without any.

    It covers what they do to known pictures, and the text of their files but for comments, suites and metrics.

    Args:
        side: px of the images that will be corrupted: one of the pictures has that size.

    Raises:
        UserError: one gives other bytes when it is called again, or changes the image that it is given.
    """
    known = {corruption.name for corruption in packaged("robustbench_cls.corruptions", Corruption)}
    own = sorted(set(names) - known)
    pictures = [picture(), *([] if side < MINIMUM_SIDE else [picture(side, side)])]
    told = {name: [_checked_digest(shown_HW3, name, variant) for shown_HW3 in pictures] for name in own}
    files = {own_file_of(all_corruptions()[name]) for name in own}
    texts = sorted(text_sha256(file, (Suite, Metric)) for file in files if file is not None)
    return hashlib.sha256(repr([told, texts]).encode()).hexdigest() if own else ""


def _checked_digest(shown_HW3: UInt8Image, name: str, variant: Variant) -> str:
    before_HW3 = shown_HW3.copy()
    first, again = _digest_of(shown_HW3, name, variant), _digest_of(shown_HW3, name, variant)
    if not np.array_equal(shown_HW3, before_HW3):
        raise UserError(f"Corruption '{name}' changes the image that it is given. Let it work on a copy.")
    if first != again:
        raise UserError(
            f"Corruption '{name}' gives other bytes for the same image and key when it is called again. Draw random "
            "numbers from key.generator() alone."
        )
    return first


def _digest_of(picture_HW3: UInt8Image, name: str, variant: Variant) -> str:
    images = [corrupt(picture_HW3, name, s, image_ids="a.png", seed=1, variant=variant) for s in SEVERITIES]
    return hashlib.sha256(np.stack(images).tobytes()).hexdigest()[:16]
