"""Batches of uint8 images for evaluation: threads make them ahead of the forward pass, each image once and in order.

Why threads and not processes? Decoding, cutting and corrupting release Python's lock, so threads run side by side.
Nothing is copied between processes, and a batch is ready in memory that the GPU can read.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import torch

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.suite import Condition
from robustbench_cls.data.crop_cache import Crops
from robustbench_cls.data.crops import fit

Change: TypeAlias = Callable[[UInt8Image, str], UInt8Image]
"""A function that takes a crop and its image id, and gives the crop that the model sees."""

AHEAD = 2
"""Batches that may wait, besides one for each thread."""


@dataclass(frozen=True)
class Part:
    """The images of one condition. `change`, such as a corruption, turns each crop into what the model sees."""

    condition: Condition
    crops: Crops
    change: Change | None = None

    def __len__(self) -> int:
        return len(self.crops)

    def image(self, index: int) -> UInt8Image:
        """Image `index` as the model sees it, uint8 HW3."""
        image_HW3 = self.crops[index]
        if self.change is not None:
            image_HW3 = self.change(image_HW3, self.crops.source.ids[index])
        protocol = self.crops.protocol
        return fit(image_HW3, protocol.input_size or image_HW3.shape[0], protocol.interpolation or "bilinear")


@dataclass(frozen=True)
class Rows:
    """Some images of a part: those from `start` to `stop` - 1."""

    part: Part
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def ids(self) -> tuple[str, ...]:
        """The image ids of these rows."""
        return self.part.crops.source.ids[self.start : self.stop]

    @property
    def labels(self) -> torch.Tensor:
        """The labels of these rows, int64."""
        return torch.from_numpy(self.part.crops.source.labels_N[self.start : self.stop])

    def in_batches(self, batch_size: int) -> list["Rows"]:
        """These rows, cut into batches at multiples of the batch size, wherever the rows begin."""
        cuts = [self.start, *range((self.start // batch_size + 1) * batch_size, self.stop, batch_size), self.stop]
        return [Rows(self.part, start, stop) for start, stop in pairwise(cuts) if start < stop]


def batches(plan: Sequence[Rows], workers: int) -> Iterator[tuple[Rows, torch.Tensor]]:
    """Give each batch in order as (rows, images_BHW3). `workers` threads make them ahead; with 0, no thread does.

    Raises:
        UserError: an image can't be read; the message names it.
    """
    if workers == 0:
        yield from ((rows, images_of(rows)) for rows in plan)
        return
    waiting: deque[tuple[Rows, Future[torch.Tensor]]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="images")
    try:
        for rows in plan:
            waiting.append((rows, pool.submit(images_of, rows)))
            if len(waiting) > workers + AHEAD:
                yield _first(waiting)
        while waiting:
            yield _first(waiting)
    finally:
        pool.shutdown(cancel_futures=True)


def _first(waiting: "deque[tuple[Rows, Future[torch.Tensor]]]") -> tuple[Rows, torch.Tensor]:
    rows, images = waiting.popleft()
    return rows, images.result()


def images_of(rows: Rows) -> torch.Tensor:
    """The images of these rows as the model sees them, uint8 BHW3, in memory that a GPU can read."""
    first_HW3 = rows.part.image(rows.start)
    shape = (len(rows), *first_HW3.shape)
    images_BHW3 = torch.empty(shape, dtype=torch.uint8, pin_memory=torch.cuda.is_available())
    array_BHW3 = images_BHW3.numpy()
    array_BHW3[0] = first_HW3
    for i in range(1, len(rows)):
        array_BHW3[i] = rows.part.image(rows.start + i)
    return images_BHW3
