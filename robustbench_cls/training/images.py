"""Augmented training images, every random draw keyed by (seed, epoch, image, copy).

The libraries' own augmentations draw from Python's, numpy's and torch's global generators, so these are seeded before
each image; so an epoch's images do not depend on the number of workers or on what came before, and a resumed run sees
what it would have seen. Windows and flips have a generator of their own.

Why processes and not threads, as in evaluation? The global generators are a process's, not a thread's.
"""

import os
import random
import signal
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, Sampler

from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.keys import Key
from robustbench_cls.core.own_code import named_lines
from robustbench_cls.data.decoded import DecodedImages
from robustbench_cls.data.random_crops import CropRule
from robustbench_cls.data.source import ImageSource
from robustbench_cls.training.order import MicroBatch, Order, Step

Views: TypeAlias = Callable[[Image.Image], tuple[Image.Image, ...]]


@dataclass(frozen=True)
class Batch:
    """The images of one forward pass.

    Attributes:
        images_VBHW3: uint8, V views of each image at the input size.
        number: of the micro-batch in its step.
    """

    number: int
    images_VBHW3: torch.Tensor
    labels_B: torch.Tensor

    def __reduce__(self) -> tuple[Any, ...]:
        """Labels travel in the message itself: a tensor is fetched over a socket, which takes longer than a copy."""
        return _received, (self.number, self.images_VBHW3, self.labels_B.numpy())

    def pin_memory(self) -> "Batch":
        """The same in memory that a GPU reads quickly; `DataLoader` calls it."""
        return Batch(self.number, self.images_VBHW3.pin_memory(), self.labels_B.pin_memory())


def _received(number: int, images_VBHW3: torch.Tensor, labels_B: npt.NDArray[np.int64]) -> Batch:
    return Batch(number, images_VBHW3, torch.from_numpy(labels_B))


def seed_augmentations(key: Key) -> None:
    """Set the generators that augmentations on the CPU draw from, in some 10 µs."""
    random.seed(key.integer(64))
    np.random.seed(key.integer(32))
    torch.default_generator.manual_seed(key.integer(63))


def seed_everything(key: Key) -> None:
    """Set every generator that mixing and layers draw from, those of all devices among them."""
    seed_augmentations(key)
    torch.manual_seed(key.integer(63))


@dataclass(frozen=True)
class TrainingImages(Dataset[tuple[Step, list[Batch]]]):
    """The batches of a step: images cut by a keyed random window, mirrored or not, augmented.

    Attributes:
        decoded: the source's images, where they are kept in memory.
        views: from a PIL image at the input size to V of them, by the side of the input; None where nothing changes.
    """

    source: ImageSource
    decoded: DecodedImages | None
    rule: CropRule
    views: Callable[[int], Views | None]
    seed: int

    def __getitem__(self, step: Step) -> tuple[Step, list[Batch]]:
        return step, [self._batch(step, part) for part in step.parts]

    def _batch(self, step: Step, part: MicroBatch) -> Batch:
        count, size = len(part.indices_B), step.size
        views = self.views(size)
        crops_BHW3 = np.empty((count, size, size, 3), np.uint8)
        images_VBHW3 = crops_BHW3[None]
        for place, (index, copy) in enumerate(zip(part.indices_B.tolist(), part.copies_B.tolist(), strict=True)):
            image = (self.seed, step.epoch, self.source.ids[index], copy)
            self._cut(index, Key.of("cut", *image), crops_BHW3[place])
            if views is None:
                continue
            seed_augmentations(Key.of("augment", *image))
            with named_lines():
                made = _checked(views(Image.fromarray(crops_BHW3[place])), size)
            if not place:
                images_VBHW3 = np.empty((len(made), count, size, size, 3), np.uint8)
            if len(made) != len(images_VBHW3):
                raise UserError(
                    f"The recipe must make as many views of each image, but there were {len(images_VBHW3)} of one and "
                    f"{len(made)} of {self.source.name(index)}."
                )
            for view, shown in enumerate(made):
                images_VBHW3[view, place] = np.asarray(shown)
        labels_B = torch.from_numpy(self.source.labels_N[part.indices_B])
        return Batch(part.number, torch.from_numpy(images_VBHW3), labels_B)

    def _cut(self, index: int, key: Key, crop_HW3: UInt8Image) -> None:
        """Write the crop of one image."""
        if self.decoded is not None:
            pixels = self.decoded[index]
            self.rule.cut(pixels, self.rule.draw((pixels.height, pixels.width), key), crop_HW3.shape[0], crop_HW3)
        else:
            self.rule.cut_file(self.source.data(index), self.source.name(index), key, crop_HW3.shape[0], crop_HW3)


def _checked(images: Any, size: int) -> tuple[Image.Image, ...]:
    for image in images if isinstance(images, tuple) else (images,):
        if not isinstance(image, Image.Image):
            raise UserError(f"The recipe's augmentation must give a PIL image, it gave {type(image).__name__}.")
        if image.size != (size, size) or image.mode != "RGB":
            raise UserError(
                f"The recipe's augmentation must give RGB images of {size} x {size} px, it gave one of mode "
                f"{image.mode} and {image.width} x {image.height} px."
            )
    return tuple(images)


class _From(Sampler[Step]):
    """The steps of a training from one on."""

    def __init__(self, order: Order, start: int) -> None:
        self.order, self.start = order, start

    def __len__(self) -> int:
        return self.order.total - self.start

    def __iter__(self) -> Iterator[Step]:
        return self.order.from_step(self.start)


def _leave_signals(worker: int) -> None:
    """Leave Ctrl-C and SIGTERM, which reach every process of a group, to the one that trains.

    A worker that SIGTERM killed would raise an error in the midst of a step there; one that exits well does not.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(0))


Steps: TypeAlias = Generator[tuple[Step, list[Batch]], None, None]


def batches_from(images: TrainingImages, order: Order, start: int, workers: int) -> Steps:
    """The batches of each step from number `start` on; `workers` processes make them ahead, to the training's end.

    Raises:
        UserError: an image can't be read, or an augmentation fails; the message is that of the worker.
    """
    loader = DataLoader(
        images,
        batch_size=None,
        sampler=_From(order, start),
        num_workers=workers,
        pin_memory=torch.accelerator.is_available(),
        worker_init_fn=_leave_signals if workers else None,
    )
    try:
        yield from loader
    except UserError as error:
        raise UserError(str(error).rpartition("UserError: ")[2].strip()) from None
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise UserError(
            f"A process that loads images was ended by the system ({str(error).splitlines()[0][:120]}). Often it ran "
            f"out of memory. Start the same command again with fewer: --workers {max(0, workers - 1) // 2}."
        ) from error
