"""Working memory that a thread keeps, because the first touch of fresh memory takes longer than most filters."""

import threading
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

LINE = 64
"""Bytes of a cache line. Working memory starts at the beginning of one."""

_kept = threading.local()


def scratch(owner: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """An array with any content. It is the calling thread's own until that thread asks again under the same `owner`.

    Never return it from a public function: the next call overwrites it.
    """
    size = prod(shape) * np.dtype(dtype).itemsize
    memory: npt.NDArray[np.uint8] | None = getattr(_kept, owner, None)
    if memory is None or memory.size < size:
        fresh = np.empty(size + LINE, np.uint8)
        memory = fresh[-fresh.ctypes.data % LINE :]
        setattr(_kept, owner, memory)
    return memory[:size].view(dtype).reshape(shape)
