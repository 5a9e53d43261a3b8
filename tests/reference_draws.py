"""The package's own output for an image, with every random number it drew."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from PIL import Image

DRAWS = ("normal", "uniform", "randint", "poisson")


@contextmanager
def recorded_draws() -> Iterator[list[Any]]:
    """The results of numpy's global `normal`, `uniform`, `randint` and `poisson`, in the order of their calls."""
    draws: list[Any] = []
    originals = {name: getattr(np.random, name) for name in DRAWS}

    def recording(name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            drawn = originals[name](*args, **kwargs)
            draws.append(np.copy(drawn))
            return drawn

        return call

    for name in DRAWS:
        setattr(np.random, name, recording(name))
    try:
        yield draws
    finally:
        for name, original in originals.items():
            setattr(np.random, name, original)


def by_package(
    name: str, image: np.ndarray, severity: int, seed: int = 0, **kwargs: Any
) -> tuple[np.ndarray, list[Any]]:
    """The package's result, rounded down to uint8 as its `corrupt` does, and its draws."""
    from imagecorruptions import corruptions

    np.random.seed(seed)
    with recorded_draws() as draws:
        result = getattr(corruptions, name)(Image.fromarray(image), severity, **kwargs)
    return np.uint8(np.asarray(result)), draws


def differences(ours: np.ndarray, theirs: np.ndarray) -> tuple[int, float]:
    """The largest difference in levels, and the share of values that differ."""
    apart = np.abs(ours.astype(int) - theirs.astype(int))
    return int(apart.max()), float((apart > 0).mean())
