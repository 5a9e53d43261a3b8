"""Measure how fast training images are made, from encoded files to normalised batches: by this package and by timm.

Each engine has workers of its own, which rest while another has its turn. A turn begins with batches that do not count:
those that lie ready, and in the first turn those before which processes start and kernels are compiled. Compare ratios
between machines, and images per second only on one.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import nn
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import hflip, resized_crop

from robustbench_cls.bench.corruptions import OURS
from robustbench_cls.bench.timm_loaders import WAYS, Batches, peer_of, timm_batches, timm_dataset
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

BATCH_SIZE = 64
"""Photos of a batch, where there are so many."""

EPOCHS = 10**6
"""More than the turns need."""

COMPARED = 100
"""Photos whose crops are compared, at most."""

REST = 1.5
"""How much longer workers rest after a turn than it took them to make the batches that then lie ready."""


@dataclass(frozen=True)
class Turns:
    """How engines take turns: how often, and for how many seconds; each has so many workers."""

    workers: int = 2
    rounds: int = 3
    seconds: float = 3.0


@dataclass(frozen=True)
class Photos:
    """Training images to measure on.

    Attributes:
        split: of parquet files; empty for class folders.
        kept: whether our engine decodes each once and keeps it, as `robust train` does with small data sets; else they
            stand for more photos than memory holds.
    """

    source: ImageSource
    split: str
    kept: bool


@dataclass(frozen=True)
class Rates:
    """Photos per second under one recipe in each round, by engine. A photo counts once, however many views it has."""

    recipe: str
    rounds: dict[str, tuple[float, ...]]

    def of(self, engine: str) -> float | None:
        """The median; None where timm lacks the recipe."""
        return statistics.median(self.rounds[engine]) if engine in self.rounds else None

    @property
    def rival(self) -> str:
        """The faster of timm's ways; empty where timm lacks the recipe."""
        medians = {way: statistics.median(self.rounds[way]) for way in WAYS if way in self.rounds}
        return max(medians, key=medians.__getitem__, default="")

    @property
    def times_faster(self) -> float | None:
        """The median over the rounds of our rate divided by the rival's; None where timm lacks the recipe."""
        if not self.rival:
            return None
        pairs = zip(self.rounds[OURS], self.rounds[self.rival], strict=True)
        return statistics.median(ours / theirs for ours, theirs in pairs)


@dataclass(frozen=True)
class LoadingBenchmark:
    """The results on one set of photos.

    Attributes:
        photos: number of them.
        kept: as of `Photos`.
        size: side of the input in px.
        identical: number of photos of which this package and torchvision make the same crop of a window.
        compared: number of those that were looked at.
    """

    photos: int
    kept: bool
    size: int
    interpolation: str
    identical: int
    compared: int
    recipes: tuple[Rates, ...]


def open_photos(data: Path, *, kept: bool) -> Photos:
    """The training images of a data set's root, or those of one split's folder.

    Raises:
        UserError: there are none.
    """
    path, split = split_in(data, "train") or split_in(data, "val") or (data, "")
    return Photos(open_source(path, split), split, kept)


def bench_loading(
    photos: Photos,
    recipes: Sequence[Recipe],
    size: int,
    interpolation: str,
    turns: Turns,
    cache: Path,
    say: Callable[[str], object],
) -> LoadingBenchmark:
    """Measure each recipe.

    Args:
        size: side of the input in px.
        interpolation: of random resized crops: `bilinear` or `bicubic`.
        cache: folder for timm's copy of parquet files.
        say: called with the numbers of each recipe.

    Raises:
        UserError: an image can't be read.
    """
    source = photos.source
    own = Preprocessing(size, size, interpolation, IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)
    rule = CropRule(Regimen().crop_scale_min, 0, interpolation)
    identical, compared = _identical_crops(source, rule, size)
    decoded = decode_all(source, max(turns.workers, 1), lambda count: None) if photos.kept else None
    dataset = timm_dataset(source, photos.split, cache)
    found = []
    for recipe in recipes:
        images = TrainingImages(source, decoded, rule, ViewsOf.of(recipe, recipe.settings), 0)
        engines: dict[str, Callable[[], Batches]] = {OURS: partial(_our_batches, images, recipe, own, turns.workers)}
        peer, most, classes = peer_of(recipe), min(BATCH_SIZE, len(source)), len(source.class_names)
        if peer is not None:
            timms = partial(timm_batches, dataset, peer, own, classes, most, turns.workers)
            engines |= {way: partial(timms, way) for way in WAYS}
        rates = Rates(recipe.name, _in_turns(engines, turns))
        say(f"{recipe.name}, {size} px, photos/s: {', '.join(f'{one} {rates.of(one):.0f}' for one in engines)}")
        found.append(rates)
    return LoadingBenchmark(
        photos=len(source),
        kept=decoded is not None,
        size=size,
        interpolation=interpolation,
        identical=identical,
        compared=compared,
        recipes=tuple(found),
    )


def _our_batches(images: TrainingImages, recipe: Recipe, own: Preprocessing, workers: int) -> Batches:
    """The batches of a training without end, as the network sees them."""
    names = images.source.class_names
    order = Order(len(images.source), Regimen(epochs=EPOCHS, batch_size=BATCH_SIZE), own.input_size, 0)
    classifier = Classifier("", nn.Identity(), names, own, "", torch.device("cpu"))
    mix = make_mix(recipe, recipe.settings, len(names))
    with closing(batches_from(images, order, 0, workers)) as steps:
        for _, batches in steps:
            for batch in batches:
                shown = classifier.normalised(batch.images_VBHW3.flatten(0, 1).permute(0, 3, 1, 2))
                yield shown if mix is None else mix(shown, batch.labels_B)[0], len(batch.labels_B)


def _in_turns(engines: Mapping[str, Callable[[], Batches]], turns: Turns) -> dict[str, tuple[float, ...]]:
    found: dict[str, list[float]] = {engine: [] for engine in engines}
    with _one_thread(), ExitStack() as stack:
        lines = {engine: stack.enter_context(closing(begin())) for engine, begin in engines.items()}
        for _ in range(turns.rounds):
            for engine, line in lines.items():
                found[engine].append(_turn(line, 2 * turns.workers + 2, turns.seconds))
    return {engine: tuple(rates) for engine, rates in found.items()}


def _turn(line: Batches, ready: int, seconds: float) -> float:
    """Photos per second, and then a rest in which the workers fill their queue.

    Args:
        ready: batches that may lie ready.
    """
    for _ in range(ready):
        _, size = next(line)
    count, started = 0, time.perf_counter()
    while (spent := time.perf_counter() - started) < seconds:
        count += next(line)[1]
    time.sleep(REST * ready * size * spent / count)
    return count / spent


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let PyTorch compute with one thread: where workers keep all cores busy, several wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _identical_crops(source: ImageSource, rule: CropRule, size: int) -> tuple[int, int]:
    compared = range(min(len(source), COMPARED))
    same = 0
    for index in compared:
        key, image = Key.of("cut", source.ids[index]), source.image(index)
        ours_HW3 = np.empty((size, size, 3), np.uint8)
        rule.cut_file(source.data(index), source.name(index), key, size, ours_HW3)
        crop = rule.draw((image.height, image.width), key)
        window = crop.top, crop.left, crop.height, crop.width
        theirs = resized_crop(image, *window, [size, size], InterpolationMode(rule.interpolation))
        same += np.array_equal(ours_HW3, np.asarray(hflip(theirs) if crop.mirrored else theirs))
    return same, len(compared)
