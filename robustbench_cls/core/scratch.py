"""Working memory that a thread keeps, because the first touch of fresh memory takes longer than most filters."""

import threading
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

LINE = 64
"""Bytes of a cache line. Working memory starts at the beginning of one."""

_kept = threading.local()


class _Kept(NamedTuple):
    """Memory of one owner, and the array of it that was last asked for."""

    memory: npt.NDArray[np.uint8]
    shape: tuple[int, ...]
    dtype: npt.DTypeLike
    array: npt.NDArray[Any]


def scratch(owner: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """An array with any content. It is the calling thread's own until that thread asks again under the same `owner`.

    Never return it from a public function: the next call overwrites it.
    """
    kept: _Kept | None = getattr(_kept, owner, None)
    if kept is not None and kept.shape == shape and kept.dtype is dtype:  # twice as fast as a new view
        return kept.array
    size = prod(shape) * np.dtype(dtype).itemsize
    memory = None if kept is None else kept.memory
    if memory is None or memory.size < size:
        fresh = np.empty(size + LINE, np.uint8)
        memory = fresh[-fresh.ctypes.data % LINE :]
    array = memory[:size].view(dtype).reshape(shape)
    setattr(_kept, owner, _Kept(memory, shape, dtype, array))
    return array
