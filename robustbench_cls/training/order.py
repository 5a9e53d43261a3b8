"""In which order images are learned from: the steps of an epoch, each cut into micro-batches.

Everything is drawn by (seed, epoch), so that it is the same for any number of processes, and after any restart.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.keys import Key
from robustbench_cls.core.recipe import Regimen

GRID = 32
"""Sides of the input that change within a training are multiples of this: what networks halve five times."""


@dataclass(frozen=True)
class MicroBatch:
    """Images of one forward pass.

    Attributes:
        number: of the micro-batch in its step.
        indices_B: positions of the images in the source.
        copies_B: which repeat of its image each is.
    """

    number: int
    indices_B: npt.NDArray[np.int64]
    copies_B: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Step:
    """One optimiser step, or a process's share of it.

    Attributes:
        index: of the step in the whole training, from 0.
        epoch: from 0.
        size: side of the input in px.
        images: of the whole step, in all processes.
        parts: this process's micro-batches.
    """

    index: int
    epoch: int
    size: int
    images: int
    parts: tuple[MicroBatch, ...]


@dataclass(frozen=True)
class Order:
    """The steps of a training.

    Attributes:
        count: images of an epoch.
        input_size: side of the model's input in px.
        rank, ranks: which of how many processes this is; each takes every `ranks`-th micro-batch.
    """

    count: int
    regimen: Regimen
    input_size: int
    seed: int
    rank: int = 0
    ranks: int = 1

    @property
    def steps(self) -> int:
        """Steps of an epoch. They are of equal size, at most one image apart, so that none of them is small."""
        return _shares(self.count, self.regimen.batch_size)

    @property
    def total(self) -> int:
        """Steps of the whole training."""
        return self.steps * self.regimen.epochs

    def from_step(self, start: int) -> Iterator[Step]:
        """This process's share of the steps from number `start` on."""
        for epoch in range(start // self.steps, self.regimen.epochs):
            images, copies = self._epoch(epoch)
            cuts = np.arange(self.steps + 1) * self.count // self.steps
            for number in range(start - epoch * self.steps if epoch == start // self.steps else 0, self.steps):
                place = np.arange(cuts[number], cuts[number + 1])
                place = place[np.argsort(copies[place], kind="stable")]  # mixing takes neighbours: not two of one image
                index = epoch * self.steps + number
                parts = tuple(self._parts(images[place], copies[place]))
                yield Step(index, epoch, self._size(index), int(cuts[number + 1] - cuts[number]), parts)

    def _epoch(self, epoch: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Positions of an epoch's images in their order, and which repeat each is."""
        order = Key.of("order", self.seed, epoch).generator().permutation(self.count)
        repeats = self.regimen.repeats
        images = np.repeat(order, repeats)[: self.count]
        copies = np.tile(np.arange(repeats), -(-self.count // repeats))[: self.count]
        return images, copies

    def _parts(self, images: npt.NDArray[np.int64], copies: npt.NDArray[np.int64]) -> Iterator[MicroBatch]:
        most = self.regimen.micro_batch or len(images)
        count = _shares(len(images), most)
        cuts = np.arange(count + 1) * len(images) // count
        for number in range(self.rank, count, self.ranks):
            place = slice(cuts[number], cuts[number + 1])
            yield MicroBatch(number, images[place], copies[place])

    def _size(self, index: int) -> int:
        """Side of the input in one step."""
        regimen, size = self.regimen, float(self.input_size)
        if regimen.start_size:
            grown = (index // self.steps) / max(1, regimen.epochs - 1)
            size = regimen.start_size + (size - regimen.start_size) * grown
        if regimen.size_range:
            drawn = Key.of("size", self.seed, index).generator().uniform(-1, 1)
            size *= 1 + regimen.size_range * drawn
        if not regimen.start_size and not regimen.size_range:
            return self.input_size
        return max(GRID, round(size / GRID) * GRID)


def _shares(count: int, most: int) -> int:
    """Into how many parts so many images are cut: none has only one, of which batch norm can't learn."""
    return max(1, min(-(-count // most), count // 2))
