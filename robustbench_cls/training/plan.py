"""`TrainingPlan`: all that is decided and checked before the first image is learned from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from robustbench_cls.core.discovery import own_file_of
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.keys import Key
from robustbench_cls.core.own_code import code_sha256
from robustbench_cls.core.progress import notice, waiting_bar
from robustbench_cls.core.recipe import Recipe, Regimen, Setting, Task
from robustbench_cls.core.records import as_record
from robustbench_cls.core.suite import Protocol
from robustbench_cls.core.versions import versions
from robustbench_cls.core.workers import loading_workers
from robustbench_cls.data.copies import copies_between
from robustbench_cls.data.crop_cache import Crops, open_crops
from robustbench_cls.data.decoded import decode_all
from robustbench_cls.data.locate import split_in
from robustbench_cls.data.random_crops import CropRule
from robustbench_cls.data.source import ImageSource, open_source
from robustbench_cls.models.architectures import check_input, create_network, preprocessing_of
from robustbench_cls.models.checkpoint import About
from robustbench_cls.models.classifier import Classifier
from robustbench_cls.models.load import pick_device
from robustbench_cls.models.names import family_of
from robustbench_cls.models.running import ready
from robustbench_cls.training.functions import ViewsOf, check_functions, make_mix, make_objective
from robustbench_cls.training.images import TrainingImages, seed_everything
from robustbench_cls.training.learner import Learner, make_learner, pick_precision
from robustbench_cls.training.minival import LAST, RULE, split
from robustbench_cls.training.options import TrainingOptions
from robustbench_cls.training.order import Order
from robustbench_cls.training.ranks import Ranks, asked_for
from robustbench_cls.training.regimens import settle
from robustbench_cls.training.sources import open_sources
from robustbench_cls.training.start import start_weights
from robustbench_cls.training.teachers import load_teachers
from robustbench_cls.training.tuning import freeze


@dataclass(frozen=True)
class TrainingPlan:
    """A training, decided and checked.

    Attributes:
        about: what its checkpoints say of themselves, before the first step.
        settings: the recipe's.
        source: all training images.
        training: those that are learned from.
        minival: held-out images that choose the weights; none where the last epoch's are taken.
        models: the classifiers that the recipe names.
        start: weights to begin with; None for random ones.
    """

    about: About
    recipe: Recipe
    regimen: Regimen
    settings: Mapping[str, Setting]
    source: ImageSource
    training: ImageSource
    minival: ImageSource
    models: Mapping[str, Classifier]
    start: Mapping[str, torch.Tensor] | None
    device: torch.device
    precision: torch.dtype
    ranks: Ranks
    workers: int
    root: Path
    out: Path
    crops: Path | None
    trackers: tuple[str, ...]
    progress: bool

    @cached_property
    def order(self) -> Order:
        """The steps of this process."""
        size = self.about.preprocessing.input_size
        return Order(len(self.training), self.regimen, size, self.about.seed, self.ranks.rank, self.ranks.count)

    def images(self) -> TrainingImages:
        """The training images; small data sets are decoded now and stay in memory."""
        preprocessing = self.about.preprocessing
        rule = CropRule(self.regimen.crop_scale_min, self.regimen.crop_padding, preprocessing.interpolation)
        show = self.progress and self.ranks.first
        with waiting_bar(len(self.training), "decoding once", show=show, delay=1.0) as bar:
            decoded = decode_all(self.training, self.workers, bar.update)
        views = ViewsOf.of(self.recipe, self.settings)
        return TrainingImages(self.training, decoded, rule, views, self.about.seed)

    def held_out(self) -> Crops:
        """The minival images as they are shown to the model in evaluation; nothing is decoded twice."""
        own = self.about.preprocessing
        protocol = Protocol().resolved(own.resize, own.input_size, own.interpolation, fixed=False)
        progress = self.progress and self.ranks.first
        return open_crops(self.minival, protocol, self.crops, self.workers, progress=progress)

    def notes(self) -> tuple[str, ...]:
        """Notes for readers of the model's numbers: training images that stand in `val` as well."""
        place = split_in(self.root, "val")
        if place is None:
            return ()
        shown, copied = copies_between(open_source(*place), self.source)
        if not copied:
            return ()
        note = (
            f"{copied} of {shown} validation images looked at are among the training images as well, so the accuracy "
            "on val says little of new images"
        )
        notice(f"{note}. Take other images for val, or leave these out of train.")
        return (note,)

    def learner(self) -> Learner:
        """The learner before its first step.

        Raises:
            UserError: timm or PyTorch refuses a setting.
        """
        about, regimen, seed = self.about, self.regimen, self.about.seed
        seed_everything(Key.of("init", seed))
        network = _network(about.architecture, len(about.class_names), regimen)
        if self.start is not None:
            network.load_state_dict(self.start)
        freeze(network, regimen.tune)
        if regimen.checkpointing:
            _checkpointed(network)
        classifier = Classifier(
            about.name, ready(network, self.device), about.class_names, about.preprocessing, "", self.device
        )
        labels_N = self.training.labels_N
        counts_C = np.bincount(labels_N[labels_N >= 0], minlength=len(about.class_names))
        features = int(getattr(network, "num_features", 0))
        task = Task(about.class_names, counts_C, regimen.label_smoothing, about.preprocessing, features, self.models)
        return make_learner(
            classifier,
            regimen,
            make_mix(self.recipe, self.settings, len(about.class_names)),
            make_objective(self.recipe, self.settings, task),
            self.precision,
            self.order.steps,
            seed,
            self.ranks,
        )


def make_plan(model: str, recipe: Recipe, options: TrainingOptions, stored: About | None = None) -> TrainingPlan:
    """Decide and check all there is to a training; nothing is written.

    Args:
        model, recipe, options: as for `train`.
        stored: what the last checkpoint of the output folder says: another number of processes keeps its micro-batches.

    Raises:
        UserError: an unknown model or setting, or data, weights or a teacher that do not fit.
    """
    regimen, settings = settle(recipe, family_of(model), options.overrides)
    check_functions(recipe)
    ranks = asked_for(alone=options.alone)
    if stored is not None and "micro_batch" not in options.overrides:
        regimen = replace(regimen, micro_batch=int(stored.settings.get("micro_batch", 0)))
    regimen = _shared_by(ranks, regimen)
    device = pick_device(options.device)
    precision = pick_precision(options.precision, device)
    sources = open_sources(options.root, recipe, settings, options.limit)
    training, minival = split(sources.images, regimen.minival)
    _check_counts(training, minival, regimen, options.limit)
    classes = sources.class_names
    network = _network(model, len(classes), regimen)
    preprocessing = preprocessing_of(network, regimen.input_size)
    for size in sorted({regimen.start_size or preprocessing.input_size, preprocessing.input_size}):
        check_input(network, size, model)
    _check_sides(regimen, preprocessing.input_size)
    models = load_teachers(recipe, settings, classes, device)
    start, started_from = start_weights(options.start, network, model, classes)
    code = own_file_of(recipe)
    about = About(
        name=options.run_name(model, recipe),
        architecture=model,
        class_names=classes,
        preprocessing=preprocessing,
        recipe=recipe.name,
        settings={**as_record(regimen), **settings, "precision": str(precision).removeprefix("torch.")},
        overlaps=recipe.overlaps,
        data_fingerprint=sources.fingerprint,
        seed=options.seed,
        epoch=0,
        top1_accuracy=0.0,
        versions=versions(),
        code_sha256=code_sha256(code) if code is not None else "",
        selection=RULE if len(minival) else LAST,
        models=tuple(f"{name} {models[name].name} {models[name].weights_sha256}" for name in sorted(models)),
        started_from=started_from,
    )
    check = ViewsOf.of(recipe, settings)
    check(preprocessing.input_size)
    make_mix(recipe, settings, len(classes))
    return TrainingPlan(
        about=about,
        recipe=recipe,
        regimen=regimen,
        settings=settings,
        source=sources.images,
        training=training,
        minival=minival,
        models=models,
        start=start,
        device=device,
        precision=precision,
        ranks=ranks,
        workers=loading_workers(options.workers),
        root=options.root,
        out=options.folder(model, recipe),
        crops=Path(options.crops) if options.crops is not None else None,
        trackers=tuple(options.trackers),
        progress=options.progress,
    )


def _network(model: str, classes: int, regimen: Regimen) -> Any:
    return create_network(
        model,
        classes,
        regimen.input_size,
        drop_path=regimen.drop_path,
        dropout=regimen.dropout,
        any_size=bool(regimen.start_size or regimen.size_range),
    )


def _checkpointed(network: Any) -> None:
    try:
        network.set_grad_checkpointing()
    except (AttributeError, AssertionError, NotImplementedError) as error:
        raise UserError(f"{type(network).__name__} can't be trained with checkpointing=true: {error}.") from error


def _shared_by(ranks: Ranks, regimen: Regimen) -> Regimen:
    """The regimen for so many processes: a step is cut into at least as many micro-batches.

    Raises:
        UserError: a step is too small to be shared.
    """
    if ranks.count == 1:
        return regimen
    most = regimen.micro_batch or -(-regimen.batch_size // ranks.count)
    if -(-regimen.batch_size // most) < ranks.count:
        raise UserError(
            f"{ranks.count} processes share a step of {regimen.batch_size} images in micro-batches of {most}, so some "
            f"would have nothing to do. Use --set micro_batch={regimen.batch_size // ranks.count} or fewer processes."
        )
    return replace(regimen, micro_batch=most)


def _check_sides(regimen: Regimen, size: int) -> None:
    if regimen.start_size > size:
        raise UserError(f"--set start_size must be at most the input size, {size} px, got {regimen.start_size}.")
    if regimen.crop_padding >= size:
        raise UserError(f"--set crop_padding must be under the input size, {size} px, got {regimen.crop_padding}.")


def _check_counts(training: ImageSource, minival: ImageSource, regimen: Regimen, limit: int) -> None:
    if regimen.minival and not len(minival):
        few = f" among the {limit} of --limit" if limit else ""
        raise UserError(
            f"No class of {training.path} has enough images{few}, so none can be held out to choose the weights. Use "
            "--set minival=0 to take those of the last epoch."
        )
    if regimen.batch_size > len(training):
        held = f", besides {len(minival)} that are held out" if len(minival) else ""
        raise UserError(
            f"A step of {regimen.batch_size} images is more than the {len(training)} training images there are{held}. "
            f"Use --set batch_size={max(2, len(training) // 4)}."
        )
