"""Measure how fast training images are made, from encoded files to normalised batches: by this package and by timm.

Each engine has workers of its own, which rest while another has its turn. A turn begins with batches that do not count:
those that lie ready, and in the first turn those before which processes start and kernels are compiled. Compare ratios
between machines, and images per second only on one.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import nn
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import hflip, resized_crop

from robustbench_cls.bench.corruptions import OURS
from robustbench_cls.bench.data import jpeg_files
from robustbench_cls.bench.timm_loaders import WAYS, peer_of, timm_batches, timm_dataset
from robustbench_cls.core.keys import Key
from robustbench_cls.core.recipe import Recipe, Regimen
from robustbench_cls.data.decoded import decode_all
from robustbench_cls.data.locate import split_in
from robustbench_cls.data.random_crops import CropRule
from robustbench_cls.data.source import ImageSource, open_source
from robustbench_cls.models.classifier import Classifier, Preprocessing
from robustbench_cls.training.functions import ViewsOf, make_mix
from robustbench_cls.training.images import TrainingImages, batches_from
from robustbench_cls.training.order import Order

Batches: TypeAlias = Iterator[tuple[torch.Tensor, int]]
"""Normalised images, and of how many photos they are: views of one count once."""

BATCH_SIZE = 64

EPOCHS = 10**6
"""More than any turn needs."""

COMPARED = 100
"""Images whose crops are compared, at most."""

COPIES = 32
"""Files of each sample photo."""

REST = 1.5
"""How much longer workers rest after a turn than it took them to make the batches that then lie ready."""


@dataclass(frozen=True)
class Loading:
    """How fast images are made under one recipe.

    Attributes:
        size: of the input in px.
        kept: whether our engine decodes every image once and keeps it, as it does for small data sets.
        rates: images per second in each round, by engine; an image counts once, however many views it has.
    """

    recipe: str
    size: int
    kept: bool
    rates: dict[str, tuple[float, ...]]

    def rate(self, engine: str) -> float | None:
        """The median; None where timm lacks the recipe."""
        return statistics.median(self.rates[engine]) if engine in self.rates else None

    @property
    def rival(self) -> str:
        """The faster of timm's ways; empty where timm lacks the recipe."""
        return max((engine for engine in self.rates if engine != OURS), key=self._median, default="")

    @property
    def times_faster(self) -> float | None:
        """The median over the rounds of our rate divided by the rival's."""
        if not self.rival:
            return None
        pairs = zip(self.rates[OURS], self.rates[self.rival], strict=True)
        return statistics.median(ours / theirs for ours, theirs in pairs)

    def _median(self, engine: str) -> float:
        return statistics.median(self.rates[engine])


@dataclass(frozen=True)
class Photos:
    """Training images to measure on.

    Attributes:
        split: of parquet files; empty for class folders.
        kept: whether they are decoded once and kept in memory; else they stand for more photos than memory holds.
    """

    source: ImageSource
    split: str
    kept: bool


def open_photos(data: Path | None, folder: Path, *, kept: bool = False) -> Photos:
    """The training images of a data set's root, or those of one split's folder.

    Args:
        data: None for sample photos.
        folder: where sample photos are written to.

    Raises:
        UserError: there are none.
    """
    if data is None:
        for number, content in enumerate(jpeg_files(None, COPIES)):
            (folder / str(number)).mkdir(parents=True)
            for copy in range(COPIES):
                (folder / str(number) / f"{copy}.jpg").write_bytes(content)
    root = folder if data is None else data
    path, split = split_in(root, "train") or split_in(root, "val") or (root, "")
    return Photos(open_source(path, split), split, kept)


def input_of(size: int, interpolation: str) -> Preprocessing:
    """How images are shown to most of timm's networks."""
    return Preprocessing(size, size, interpolation, IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)


def bench_loading(
    photos: Photos,
    recipes: Sequence[Recipe],
    own: Preprocessing,
    workers: int,
    rounds: int,
    seconds: float,
    cache: Path,
    say: Callable[[str], object],
) -> tuple[Loading, ...]:
    """Measure each recipe.

    Args:
        own: size, interpolation and normalisation of the input.
        workers: processes of each engine.
        seconds: of a turn.
        cache: folder for timm's copy of parquet files.
        say: called with the numbers of each recipe.

    Raises:
        UserError: an image can't be read.
    """
    decoded = decode_all(photos.source, max(workers, 1), lambda count: None) if photos.kept else None
    dataset = timm_dataset(photos.source, photos.split, cache)
    found = []
    for recipe in recipes:
        rule = CropRule(Regimen().crop_scale_min, 0, own.interpolation)
        views = ViewsOf.of(recipe, recipe.settings)
        images = TrainingImages(photos.source, decoded, rule, views, 0)
        engines: dict[str, Callable[[], Batches]] = {OURS: partial(_our_batches, images, recipe, own, workers)}
        if (peer := peer_of(recipe)) is not None:
            classes = len(photos.source.class_names)
            size = min(BATCH_SIZE, len(photos.source))
            for way in WAYS:
                engines[way] = partial(timm_batches, dataset, peer, own, classes, size, workers, way)
        rates = _in_turns(engines, workers, rounds, seconds)
        found.append(Loading(recipe.name, own.input_size, decoded is not None, rates))
        shown = ", ".join(f"{engine} {found[-1].rate(engine):.0f}" for engine in rates)
        say(f"{recipe.name}, {own.input_size} px, images/s: {shown}")
    return tuple(found)


def _our_batches(images: TrainingImages, recipe: Recipe, own: Preprocessing, workers: int) -> Batches:
    """What a network is shown in a training, without end."""
    names = images.source.class_names
    order = Order(len(images.source), Regimen(epochs=EPOCHS, batch_size=BATCH_SIZE), own.input_size, 0)
    classifier = Classifier("", nn.Identity(), names, own, "", torch.device("cpu"))
    mix = make_mix(recipe, recipe.settings, len(names))
    with closing(batches_from(images, order, 0, workers)) as steps:
        for _, batches in steps:
            for batch in batches:
                shown = classifier.normalised(batch.images_VBHW3.flatten(0, 1).permute(0, 3, 1, 2))
                yield shown if mix is None else mix(shown, batch.labels_B)[0], len(batch.labels_B)


def _in_turns(
    engines: dict[str, Callable[[], Any]], workers: int, rounds: int, seconds: float
) -> dict[str, tuple[float, ...]]:
    found: dict[str, list[float]] = {engine: [] for engine in engines}
    with one_thread(), ExitStack() as stack:
        lines = {engine: stack.enter_context(closing(begin())) for engine, begin in engines.items()}
        for _ in range(rounds):
            for engine, line in lines.items():
                found[engine].append(_turn(line, 2 * workers + 2, seconds))
    return {engine: tuple(rates) for engine, rates in found.items()}


def _turn(line: Batches, ready: int, seconds: float) -> float:
    """Images per second, and a rest in which the workers fill their queue.

    Args:
        ready: batches that may lie ready.
    """
    for _ in range(ready):
        next(line)
    count, started = 0, time.perf_counter()
    while (spent := time.perf_counter() - started) < seconds:
        count += next(line)[1]
    time.sleep(REST * ready * spent / count * BATCH_SIZE)
    return count / spent


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch compute with one thread: where workers have the processor's cores, more wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def identical_crops(photos: Photos, own: Preprocessing) -> tuple[int, int]:
    """Number of images whose crop has the pixels that torchvision gives for the same window, and of those compared."""
    source, size = photos.source, own.input_size
    rule = CropRule(Regimen().crop_scale_min, 0, own.interpolation)
    compared = range(min(len(source), COMPARED))
    same = 0
    for index in compared:
        key, image = Key.of("cut", source.ids[index]), source.image(index)
        ours_HW3 = np.empty((size, size, 3), np.uint8)
        rule.cut_file(source.data(index), source.name(index), key, size, ours_HW3)
        crop = rule.draw((image.height, image.width), key)
        window = crop.top, crop.left, crop.height, crop.width
        theirs = resized_crop(image, *window, [size, size], InterpolationMode(own.interpolation))
        same += np.array_equal(ours_HW3, np.asarray(hflip(theirs) if crop.mirrored else theirs))
    return same, len(compared)
