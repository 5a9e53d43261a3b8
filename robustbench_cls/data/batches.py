"""Batches of uint8 crops for evaluation, made by worker processes, each image exactly once and in order."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch.utils.data import DataLoader, Dataset

from robustbench_cls.core.corruption import UInt8Image
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.suite import Condition, Protocol
from robustbench_cls.data.crops import crop, fit
from robustbench_cls.data.source import ImageSource

Change: TypeAlias = Callable[[UInt8Image, str], UInt8Image]
"""From a crop and its image id to the crop that the model is shown. Picklable."""

MOST_WORKERS = 256

Item: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Part:
    """The images of one condition, and what happens to them between crop and model."""

    condition: Condition
    source: ImageSource
    protocol: Protocol
    change: Change | None = None


class PartImages(Dataset[tuple[torch.Tensor, int]]):
    """The images of several parts by (part, index): uint8 HW3 at the input size, and the label."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts

    def __getitem__(self, item: Item) -> tuple[torch.Tensor, int]:
        part = self.parts[item[0]]
        index = item[1]
        protocol = part.protocol
        image_HW3 = crop(part.source.image(index), protocol)
        if part.change is not None:
            image_HW3 = part.change(image_HW3, part.source.ids[index])
        image_HW3 = fit(image_HW3, protocol.input_size or image_HW3.shape[0], protocol.interpolation or "bilinear")
        return torch.from_numpy(image_HW3), int(part.source.labels_N[index])


def batch_plan(sizes: Sequence[int], batch_size: int) -> list[list[Item]]:
    """All (part, index) pairs in order, in batches that never mix parts."""
    return [
        [(part, index) for index in range(start, min(start + batch_size, size))]
        for part, size in enumerate(sizes)
        for start in range(0, size, batch_size)
    ]


def usable_cores() -> int:
    """The processor's cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def loading_workers(asked: int | None) -> int:
    """Worker processes for loading: as many as asked for, else one a core and at most 16.

    Raises:
        UserError: under 0 or over 256.
    """
    if asked is None:
        return min(usable_cores(), 16)
    if not 0 <= asked <= MOST_WORKERS:
        raise UserError(f"--workers must lie in 0..{MOST_WORKERS}, got {asked}.")
    return asked


@contextlib.contextmanager
def one_opencv_thread() -> Iterator[None]:
    """OpenCV without threads of its own while the block runs.

    Loading processes have a core each, where more threads would only be in the way; and a process forked while
    OpenCV's threads are alive waits for them without end. Where OpenCV can't be loaded nothing is done: the
    corruption that needs it says so, with the cure.
    """
    try:
        import cv2
    except ImportError:
        yield
        return
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def batches(
    parts: Sequence[Part], batch_size: int, workers: int
) -> Iterator[tuple[int, int, torch.Tensor, torch.Tensor]]:
    """Every image of every part once, in order: (part, first index, images_BHW3, labels_B).

    Raises:
        UserError: an image can't be read; the message names it.
    """
    plan = batch_plan([len(part.source) for part in parts], batch_size)
    loader = DataLoader(
        PartImages(parts),
        batch_sampler=plan,
        num_workers=workers,
        pin_memory=torch.accelerator.is_available(),
    )
    with one_opencv_thread() if workers else contextlib.nullcontext():
        for items, (images_BHW3, labels_B) in zip(plan, unwrapped(loader), strict=True):
            yield items[0][0], items[0][1], images_BHW3, labels_B


def unwrapped(loader: "DataLoader[tuple[torch.Tensor, int]]") -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The loader's batches; a UserError raised in a worker comes out with its own message alone."""
    try:
        yield from loader
    except UserError as error:
        raise UserError(str(error).rpartition("UserError: ")[2].strip()) from None
