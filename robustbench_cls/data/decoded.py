"""Decoded images kept in memory, for small data sets: each is decoded once and then only cut.

The memory is shared: processes that are started afterwards see it and copy nothing.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
import torch

from robustbench_cls.data.decode import decode_jpeg, decode_rgb
from robustbench_cls.data.resize import SPARE, Pixels
from robustbench_cls.data.source import ImageSource

LIMIT = 1 << 30
"""Bytes that kept images may take; of larger data sets none is kept."""

LEAST_RATIO = 2
"""How much larger than its file a photo is at least: data sets whose files are larger than this need no try."""

AT_ONCE = 1024
"""Images that are decoded before their memory is counted."""


@dataclass(frozen=True)
class DecodedImages:
    """RGB pixels of N images, one after the other, each with the spare bytes that kernels may read."""

    memory_S: torch.Tensor
    starts_N: npt.NDArray[np.int64]
    shapes_N2: npt.NDArray[np.int64]

    def __getitem__(self, index: int) -> Pixels:
        """Image `index`. Do not modify it."""
        (height, width), start = self.shapes_N2[index].tolist(), int(self.starts_N[index])
        stop = start + 3 * height * width + SPARE
        return Pixels(height, width, self.memory_S.numpy()[start:stop])


def decode_all(source: ImageSource, threads: int, advance: Callable[[int], object]) -> DecodedImages | None:
    """Every image of a source, decoded; None where they would take more memory than `LIMIT`.

    Args:
        threads: that decode side by side.
        advance: called with the number of images that were decoded since.

    Raises:
        UserError: an image can't be read. The message names it.
    """
    if LEAST_RATIO * int(source.sizes_N.sum()) > LIMIT:
        return None
    kept: list[npt.NDArray[np.uint8]] = []
    shapes: list[tuple[int, int]] = []
    size = 0

    def decode(index: int) -> Pixels:
        return _decoded(source.data(index), source.name(index))

    with ThreadPoolExecutor(max(threads, 1)) as pool:
        indices = iter(range(len(source)))
        while some := list(islice(indices, AT_ONCE)):
            images = list(pool.map(decode, some))
            kept += [image.memory_S for image in images]
            shapes += [(image.height, image.width) for image in images]
            size += sum(image.memory_S.size for image in images)
            if size > LIMIT:
                return None
            advance(len(some))
    memory_S = torch.empty(size, dtype=torch.uint8).share_memory_()  # type: ignore[no-untyped-call]
    np.concatenate(kept, out=memory_S.numpy())
    lengths_N = np.array([memory.size for memory in kept], np.int64)
    return DecodedImages(memory_S, np.cumsum(lengths_N) - lengths_N, np.array(shapes, np.int64))


def _decoded(data: bytes, name: str) -> Pixels:
    pixels = decode_jpeg(data)
    if pixels is not None:
        return Pixels(pixels.height, pixels.width, pixels.memory_S.copy())
    image = decode_rgb(data, name)
    memory_S = np.zeros(3 * image.height * image.width + SPARE, np.uint8)
    memory_S[:-SPARE] = np.asarray(image).reshape(-1)
    return Pixels(image.height, image.width, memory_S)
