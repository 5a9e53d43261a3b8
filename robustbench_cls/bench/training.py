"""Measure training on this machine: how fast images are made, beside timm, and where the time of a step goes."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from robustbench_cls.bench.corruptions import machine
from robustbench_cls.bench.data import jpeg_files
from robustbench_cls.bench.loading import LoadingBenchmark, Photos, Turns, bench_loading, open_photos
from robustbench_cls.bench.steps import StepTimes, bench_steps
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.recipe import Recipe
from robustbench_cls.core.versions import versions
from robustbench_cls.training.options import TrainingOptions
from robustbench_cls.training.plan import make_plan

SMALL = 32
"""Side in px of the inputs of small images."""

COPIES = 32
"""Files of each sample photo."""


@dataclass(frozen=True)
class Asked:
    """The choices of one benchmark of training.

    Attributes:
        data: a data set's root, or a folder of class folders; None for sample photos.
        small: another one, whose images are decoded once and kept in memory; None for none.
        size: side of the input in px, for `data`.
        interpolation: of random resized crops: `bilinear` or `bicubic`.
        turns: of the engines that make images; no rounds leave them out.
        model: a timm architecture, whose steps are measured on `small` if there is one, else on `data`.
        input_size: side of its input in px.
        steps: that are measured; 0 for none.
    """

    data: Path | None = None
    small: Path | None = None
    size: int = 224
    interpolation: str = "bicubic"
    turns: Turns = field(default_factory=Turns)
    model: str = "test_resnet"
    input_size: int = 32
    batch_size: int = 128
    steps: int = 100


@dataclass(frozen=True)
class TrainingBenchmark:
    """The results of one benchmark of training.

    Attributes:
        asked: what was measured.
        loading: how fast images are made, of `data` and then of `small`.
        steps: where the time of a training goes; None where it was not measured.
    """

    asked: Asked
    loading: tuple[LoadingBenchmark, ...]
    steps: StepTimes | None
    machine: str
    versions: dict[str, str]


def bench_training(asked: Asked, recipes: Sequence[Recipe], say: Callable[[str], object]) -> TrainingBenchmark:
    """Measure these recipes, and a model's steps under the first of them; `say` is called with numbers on the way.

    Raises:
        UserError: there are no images, one can't be read, or the model can't learn from them.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sets = [(asked.size, open_photos(asked.data or _samples(folder / "samples"), kept=False))]
        if asked.small is not None:
            sets.append((SMALL, open_photos(asked.small, kept=True)))
        if asked.steps and asked.batch_size > (count := len(sets[-1][1].source)):
            raise UserError(
                f"A step of {asked.batch_size} images is more than the {count} there are in {sets[-1][1].source.path}. "
                f"Use --batch-size {max(2, count // 4)}, or --steps 0 to measure no steps."
            )
        loading = tuple(
            bench_loading(photos, recipes, size, asked.interpolation, asked.turns, folder / "cache", say)
            for size, photos in (sets if asked.turns.rounds else [])
        )
        steps = _steps(asked, recipes[0], sets[-1][1], folder) if asked.steps else None
    return TrainingBenchmark(asked, loading, steps, machine(), versions())


def _samples(folder: Path) -> Path:
    """The folder, in which each sample photo is a class of equal files."""
    for number, content in enumerate(jpeg_files(None, COPIES)):
        (folder / str(number)).mkdir(parents=True)
        for copy in range(COPIES):
            (folder / str(number) / f"{copy}.jpg").write_bytes(content)
    return folder


def _steps(asked: Asked, recipe: Recipe, photos: Photos, folder: Path) -> StepTimes:
    overrides = {"batch_size": asked.batch_size, "input_size": asked.input_size, "minival": 0.0}
    options = TrainingOptions(
        data=_root(photos, folder), overrides=overrides, workers=asked.turns.workers, device="cpu", progress=False
    )
    return bench_steps(make_plan(asked.model, recipe, options), asked.steps, kept=photos.kept)


def _root(photos: Photos, folder: Path) -> Path:
    """A data set's root with these images as its training images."""
    path = Path(photos.source.path)
    if photos.split:
        return path
    root = folder / "root"
    root.mkdir()
    (root / "train").symlink_to(path.resolve(), target_is_directory=True)
    return root
