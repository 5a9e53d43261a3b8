"""Working memory that a thread keeps: fresh memory costs a page fault every 4 kB, more than most filters take."""

import threading
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

LINE = 64
"""Bytes of a cache line; working memory starts at one."""

_kept = threading.local()


def scratch(owner: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """An array of any content, the calling thread's until it asks again under the same `owner`. Never a result."""
    size = prod(shape) * np.dtype(dtype).itemsize
    memory: npt.NDArray[np.uint8] | None = getattr(_kept, owner, None)
    if memory is None or memory.size < size:
        fresh = np.empty(size + LINE, np.uint8)
        memory = fresh[-fresh.ctypes.data % LINE :]
        setattr(_kept, owner, memory)
    return memory[:size].view(dtype).reshape(shape)
