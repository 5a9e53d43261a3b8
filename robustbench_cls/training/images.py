"""Augmented training batches, every random draw keyed by (seed, epoch, image).

The worker seeds Python's, numpy's and torch's global generators before each image, as the libraries' own
augmentations draw from them; so an epoch's images do not depend on the number of workers or on what came
before, and a resumed run sees what it would have seen. `--seed` reaches the order of images the same way.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, Sampler
from torchvision.transforms import RandomHorizontalFlip, RandomResizedCrop

from robustbench_cls.core.errors import UserError, first_line
from robustbench_cls.core.keys import Key
from robustbench_cls.core.own_code import named_lines
from robustbench_cls.core.recipe import Recipe, Regimen, Setting
from robustbench_cls.data.crops import interpolation_mode
from robustbench_cls.data.source import ImageSource
from robustbench_cls.models.classifier import Preprocessing

Item = tuple[int, int]


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
class TrainingImages(Dataset[tuple[torch.Tensor, int]]):
    """Images by (epoch, index): uint8 3HW at the input size, and the label."""

    source: ImageSource
    crop: RandomResizedCrop
    flip: RandomHorizontalFlip
    augment: Callable[[Any], Any] | None
    seed: int

    def __getitem__(self, item: Item) -> tuple[torch.Tensor, int]:
        epoch, index = item
        image = self.source.image(index)
        seed_augmentations(Key.of("augment", self.seed, epoch, self.source.ids[index]))
        image = self.flip(self.crop(image))
        if self.augment is not None:
            with named_lines():
                image = self.augment(image)
            if not isinstance(image, Image.Image):
                raise UserError(f"The recipe's augmentation must give a PIL image, it gave {type(image).__name__}.")
        image_HW3 = np.array(image, dtype=np.uint8)
        return torch.from_numpy(image_HW3).permute(2, 0, 1).contiguous(), int(self.source.labels_N[index])


class EpochOrder(Sampler[Item]):
    """The images of one epoch in an order drawn by (seed, epoch)."""

    def __init__(self, count: int, seed: int) -> None:
        self.count = count
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Item]:
        order = Key.of("order", self.seed, self.epoch).generator().permutation(self.count)
        return iter([(self.epoch, int(index)) for index in order])


def training_loader(
    source: ImageSource,
    recipe: Recipe,
    regimen: Regimen,
    settings: Mapping[str, Setting],
    preprocessing: Preprocessing,
    seed: int,
    workers: int,
) -> tuple["DataLoader[tuple[torch.Tensor, int]]", EpochOrder]:
    """The loader of an epoch's batches, and its sampler, on which the caller sets the epoch.

    The last batch is left out where it is not full, unless it is the only one.
    """
    size = preprocessing.input_size
    crop = RandomResizedCrop(
        size, scale=(regimen.crop_scale_min, 1.0), interpolation=interpolation_mode(preprocessing.interpolation)
    )
    try:
        augment = recipe.augment(size=size, **settings)
    except (AssertionError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"Recipe '{recipe.name}' can't augment with {dict(settings)}: {first_line(error)}.") from error
    images = TrainingImages(source, crop, RandomHorizontalFlip(), augment, seed)
    order = EpochOrder(len(source), seed)
    loader = DataLoader(
        images,
        batch_size=regimen.batch_size,
        sampler=order,
        drop_last=len(source) >= regimen.batch_size,
        num_workers=workers,
        pin_memory=torch.accelerator.is_available(),
    )
    return loader, order


def unwrapped(loader: "DataLoader[tuple[torch.Tensor, int]]") -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """A loader's batches; a UserError raised in a worker comes out with its own message alone."""
    try:
        yield from loader
    except UserError as error:
        raise UserError(str(error).rpartition("UserError: ")[2].strip()) from None


def steps_in(images: int, batch_size: int) -> int:
    """Optimiser steps of an epoch: full batches, or the one there is."""
    return max(1, images // batch_size)


def make_mix(
    recipe: Recipe, settings: Mapping[str, Setting], num_classes: int
) -> Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]] | None:
    """The recipe's function on whole batches, or None."""
    try:
        return recipe.mix(num_classes=num_classes, **settings)
    except (AssertionError, ValueError, TypeError) as error:
        raise UserError(f"Recipe '{recipe.name}' can't mix with {dict(settings)}: {first_line(error)}.") from error
