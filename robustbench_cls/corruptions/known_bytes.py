"""Digests of each corruption's output on one small picture, the same on every machine for one engine `VERSION`.

Each corruption's file holds its digests. Whoever changes one must raise the version. A corruption of the user's own
has no version, so its digest is part of a run's identity.
"""

import hashlib
from collections.abc import Collection

import numpy as np

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.corruption import SEVERITIES, Corruption, Variant
from robustbench_cls.core.discovery import packaged
from robustbench_cls.core.errors import UserError
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
    return _digest_of(picture(), name, variant)


def own_sha256(names: Collection[str], variant: Variant) -> str:
    """A SHA-256 hex digest of what the user's own corruptions among these do to the picture; empty without any.

    Raises:
        UserError: one gives other bytes when it is called again, or changes the image that it is given.
    """
    known = {corruption.name for corruption in packaged("robustbench_cls.corruptions", Corruption)}
    own = {name: _checked_digest(name, variant) for name in sorted(set(names) - known)}
    return hashlib.sha256(repr(own).encode()).hexdigest() if own else ""


def _checked_digest(name: str, variant: Variant) -> str:
    shown_HW3 = picture()
    first, again = _digest_of(shown_HW3, name, variant), _digest_of(shown_HW3, name, variant)
    if not np.array_equal(shown_HW3, picture()):
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
