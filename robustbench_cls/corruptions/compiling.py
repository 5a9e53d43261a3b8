"""Compile corruptions ahead of their first use, so that the wait is seen and not taken for slow corrupting."""

import time
from collections.abc import Iterable

from robustbench_cls.core.corruption import Corruption, Variant
from robustbench_cls.core.progress import notice, waiting_bar
from robustbench_cls.corruptions.engine import corrupt_image
from robustbench_cls.corruptions.jpeg import jpeg_roundtrip
from robustbench_cls.corruptions.known_bytes import picture

PATIENCE = 1.0
"""Seconds after which the user is told: longer than it takes to load everything from the cache."""


def compile_corruptions(wanted: Iterable[tuple[Corruption, int, Variant]], *, show: bool = True) -> None:
    """Corrupt a small picture under each of these conditions, and pass it through the JPEG step.

    That compiles their kernels or loads them from the user's cache. A user's own corruptions are left out: what they
    do to a picture of ours may be an error that belongs to no image.
    """
    started, told, shown_HW3 = time.monotonic(), not show, picture()
    conditions = [entry for entry in dict.fromkeys(wanted) if entry[0].digests]
    if not conditions:
        return
    with waiting_bar(len(conditions), "compiling", show=show, delay=PATIENCE) as bar:
        jpeg_roundtrip(shown_HW3)
        for corruption, severity, variant in conditions:
            corrupt_image(shown_HW3, corruption, severity, "compiling", 0, variant)
            if not told and time.monotonic() - started > PATIENCE:
                notice("Compiling the corruptions for this processor, half a minute at most. This is done once.")
                told = True
            bar.update()
