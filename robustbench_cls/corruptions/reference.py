"""The reference engine: the functions of the package `imagecorruptions-imaug`, seeded by key.

Most of them draw from numpy's global generator, which is therefore seeded for the call and put back after
it, one call at a time. Known gap: another thread that itself draws from `np.random` during a call would
change both its own numbers and the corruption's; only a package that takes a generator could mend that.

The package loads OpenCV, scikit-image, scipy and numba, about a second: it is imported by the first call,
so that listing corruptions stays fast.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.corruption import UInt8Image
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.keys import Key

Draws: TypeAlias = Literal["nothing", "global", "seed"]
"""Where a function of the package gets its randomness: nowhere, `np.random`, or its argument `seed`."""

_ONE_AT_A_TIME = threading.Lock()


def from_package(name: str, draws: Draws) -> Callable[[UInt8Image, int, Key], UInt8Image]:
    """A `Corruption.apply` that calls the package's function `name`; its results are the package's own."""
    return partial(_apply, name, draws)


def _apply(name: str, draws: Draws, image_HW3: UInt8Image, severity: int, key: Key) -> UInt8Image:
    return floored(call(name, draws, image_HW3, severity, key))


def call(name: str, draws: Draws, image_HW3: UInt8Image, severity: int, key: Key) -> npt.NDArray[Any]:
    """The package's result before it becomes uint8: float 0..255, or uint8 from a few functions.

    Raises:
        UserError: OpenCV can't be loaded because the system lacks a library of its.
    """
    from PIL import Image

    function = _function(name)
    image = Image.fromarray(image_HW3)
    seed = key.integer(32)
    if draws == "seed":
        return np.asarray(function(image, severity, seed=seed))
    if draws == "global":
        with _global_numpy_seed(seed):
            return np.asarray(function(image, severity))
    return np.asarray(function(image, severity))


def floored(values_HW3: npt.NDArray[Any]) -> UInt8Image:
    """A new uint8 array of values 0..255, rounded down as the package (and the published files) do."""
    return values_HW3.astype(np.uint8)


@contextmanager
def _global_numpy_seed(seed: int) -> Iterator[None]:
    with _ONE_AT_A_TIME:
        state = np.random.get_state()
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(state)


@cache
def _function(name: str) -> Callable[..., Any]:
    try:
        from imagecorruptions import corruptions
    except ImportError as error:
        if "cannot open shared object file" not in str(error):
            raise
        raise UserError(
            f"OpenCV can't be loaded: {error}. Install the system package libgl1 (Debian, Ubuntu), or replace the "
            "build that wants a display: pip uninstall -y opencv-python && "
            "pip install --force-reinstall --no-deps opencv-python-headless"
        ) from error
    function: Callable[..., Any] = getattr(corruptions, name)
    return function
