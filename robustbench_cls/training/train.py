"""`train`: one model, one recipe, checkpoints that describe themselves; stops and goes on at any epoch."""

import time
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from robustbench_cls.core.discovery import find, own_file_of
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.files import atomic, locked, remove_leftovers
from robustbench_cls.core.keys import Key
from robustbench_cls.core.own_code import code_sha256
from robustbench_cls.core.progress import notice, progress_bar
from robustbench_cls.core.recipe import Recipe, Regimen, Setting
from robustbench_cls.core.records import as_record
from robustbench_cls.core.run import names_sha256
from robustbench_cls.core.versions import versions
from robustbench_cls.core.workers import loading_workers
from robustbench_cls.data.copies import copies_between
from robustbench_cls.data.label_spaces import to_head
from robustbench_cls.data.locate import open_split
from robustbench_cls.data.source import ImageSource
from robustbench_cls.models.architectures import check_input, create_network, preprocessing_of
from robustbench_cls.models.checkpoint import About, read_checkpoint, save
from robustbench_cls.models.classifier import Classifier
from robustbench_cls.models.load import pick_device
from robustbench_cls.models.names import family_of
from robustbench_cls.models.running import ready
from robustbench_cls.training.images import EpochOrder, make_mix, seed_everything, steps_in, training_loader
from robustbench_cls.training.log import write_log
from robustbench_cls.training.loop import Trainer, make_trainer, pick_precision, train_epoch, validate, warmup_of
from robustbench_cls.training.options import TrainingOptions
from robustbench_cls.training.regimens import settle

FILES = ("last.pt", "best.pt", "log.csv", "curves.png")
"""The files of a training."""

DIGEST = 64
"""Digits of a digest, of which a message shows the first."""

NO_IDENTITY = ("name", "epoch", "top1_accuracy", "versions", "weights_sha256", "selected_on", "notes")
"""Fields of a checkpoint's description in which two states of one training may differ."""


def train(model: str, recipe: str | Recipe, options: TrainingOptions | None = None) -> Path:
    """Train a timm classifier under a recipe.

    After each epoch `last.pt`, `log.csv` and `curves.png` are written, and `best.pt` where the accuracy on
    `val` is the best so far. Started again with the same arguments, it goes on after the last whole epoch
    and ends in the same weights.

    Args:
        model: a timm architecture.
        recipe: a name, a `.py` file of the user's own, or a Recipe.
        options: data, seed, `--set` overrides, where and how fast.

    Returns:
        The path of `best.pt`.

    Raises:
        UserError: an unknown model, recipe or setting, data that doesn't fit, or an output folder of another
            run; the message says how to mend it.
    """
    options = options or TrainingOptions()
    chosen = recipe if isinstance(recipe, Recipe) else find(recipe, "robustbench_cls.recipes", Recipe, "recipe")
    options.check(model, chosen)
    model, options = str(model), replace(options, seed=int(options.seed), name=str(options.name))
    regimen, settings = settle(chosen, family_of(model), options.overrides)
    workers = loading_workers(options.workers)
    training, validation = _sources(options.root)
    fingerprint = names_sha256((training.fingerprint, validation.fingerprint))
    about, trainer = _prepare(model, chosen, regimen, settings, training, fingerprint, options)
    about = replace(about, selected_on=validation.fingerprint, notes=_copies_notes(training, validation))
    if (code := own_file_of(chosen)) is not None:
        about = replace(about, code_sha256=code_sha256(code))
    loader, order = training_loader(training, chosen, regimen, settings, about.preprocessing, options.seed, workers)
    out = options.folder(model, chosen)
    with locked(out / ".lock") as alone:
        if not alone:
            raise UserError(f"Another process is training into {out}. Wait for it, or choose another --out.")
        remove_leftovers(out, FILES)
        return _epochs(out, about, trainer, loader, order, validation, workers, progress=options.progress)


def _epochs(
    out: Path,
    about: About,
    trainer: Trainer,
    loader: "DataLoader[tuple[torch.Tensor, int]]",
    order: EpochOrder,
    validation: ImageSource,
    workers: int,
    *,
    progress: bool,
) -> Path:
    """Train for the epochs that are missing; the path of `best.pt`."""
    classifier, regimen = trainer.classifier, trainer.regimen
    about, history = _resume(out, about, trainer)
    if not history and warmup_of(regimen) < regimen.warmup_epochs:
        notice(
            f"The learning rate rises over a quarter of the training, {warmup_of(regimen):g} of {regimen.epochs} "
            f"epochs, because warmup_epochs={regimen.warmup_epochs} is more than that."
        )
    if not history:  # every val image is read once before an epoch's work depends on it
        validate(classifier, validation, 2 * regimen.batch_size, workers)
        _store_state(out, about, trainer, history)
    epochs, images = regimen.epochs, len(loader) * regimen.batch_size
    with progress_bar(epochs * images, about.epoch * images, about.name, show=progress) as bar:
        for epoch in range(about.epoch, epochs):
            order.epoch = epoch
            bar.set_description(f"{about.name}, epoch {epoch + 1}/{epochs}", refresh=False)
            started = time.perf_counter()
            loss = train_epoch(trainer, loader, epoch, bar.update)
            rate = images / (time.perf_counter() - started)
            top1 = validate(classifier, validation, 2 * regimen.batch_size, workers)
            bar.set_postfix_str(f"loss {loss:.3f}, val {100 * top1:.1f} %")
            history.append(
                {
                    "epoch": epoch + 1,
                    "lr": trainer.optimizer.param_groups[0]["lr"],
                    "train_loss": loss,
                    "val_top1_accuracy": top1,
                }
            )
            about = replace(about, epoch=epoch + 1, top1_accuracy=top1)
            _store(out, about, trainer, history, rate)
    best = out / "best.pt"
    if not best.is_file():
        raise UserError(f"{best} is gone, though the training is finished. {out / 'last.pt'} holds its last weights.")
    return best


def _copies_notes(training: ImageSource, validation: ImageSource) -> tuple[str, ...]:
    shown, copied = copies_between(validation, training)
    if not copied:
        return ()
    note = (
        f"{copied} of {shown} validation images looked at are among the training images as well, so the accuracy on "
        "val says little of new images"
    )
    notice(f"{note}. Take other images for val, or leave these out of train.")
    return (note,)


def _sources(root: Path) -> tuple[ImageSource, ImageSource]:
    """Training and validation images, both labelled by the training classes."""
    training = open_split(root, "train")
    if len(training.class_names) < 2:
        raise UserError(f"{training.path} has {len(training.class_names)} class; a classifier needs at least two.")
    path = Path(training.path)
    filled = {image_id.partition("/")[0] for image_id in training.ids}
    empty = [folder.name for folder in path.iterdir() if folder.is_dir() and folder.name not in filled]
    if empty and path != root:
        raise UserError(
            f"{path} has class folders without images ({', '.join(sorted(empty)[:5])}). Fill or delete them."
        )
    validation = open_split(root, "val")
    mapping = to_head(validation.class_names, training.class_names, validation.path)
    return training, replace(validation, labels_N=mapping[validation.labels_N])


def _prepare(
    model: str,
    recipe: Recipe,
    regimen: Regimen,
    settings: Mapping[str, Setting],
    training: ImageSource,
    data_fingerprint: str,
    options: TrainingOptions,
) -> tuple[About, Trainer]:
    """Description and trainer at the first step."""
    classes = len(training.class_names)
    device = pick_device(options.device)
    precision = pick_precision(options.precision, device)
    seed_everything(Key.of("init", options.seed))
    network = create_network(model, classes, regimen.input_size, drop_path=regimen.drop_path)
    preprocessing = preprocessing_of(network, regimen.input_size)
    check_input(network, preprocessing.input_size, model)
    about = About(
        name=options.run_name(model, recipe),
        architecture=model,
        class_names=training.class_names,
        preprocessing=preprocessing,
        recipe=recipe.name,
        settings={**as_record(regimen), **settings, "precision": str(precision).removeprefix("torch.")},
        overlaps=recipe.overlaps,
        data_fingerprint=data_fingerprint,
        seed=options.seed,
        epoch=0,
        top1_accuracy=0.0,
        versions=versions(),
    )
    classifier = Classifier(about.name, ready(network, device), about.class_names, about.preprocessing, "", device)
    mix = make_mix(recipe, settings, classes)
    steps = steps_in(len(training), regimen.batch_size)
    return about, make_trainer(classifier, regimen, mix, precision, steps, options.seed)


def _resume(out: Path, about: About, trainer: Trainer) -> tuple[About, list[dict[str, float]]]:
    """Where an earlier start of the same run stopped, or the beginning.

    Raises:
        UserError: the folder holds another run; the message says what differs.
    """
    last = out / "last.pt"
    if not last.exists():
        others = [name for name in FILES if (out / name).exists()]
        if others:
            raise UserError(f"{out} holds {others[0]}, which this training would overwrite. Choose another --out.")
        return about, []
    stored, weights, state = read_checkpoint(last)
    same = replace(stored, **{name: getattr(about, name) for name in NO_IDENTITY})
    differs = [f.name for f in fields(About) if getattr(same, f.name) != getattr(about, f.name)]
    if differs and not stored.epoch:  # nothing was trained yet
        return about, []
    if differs:
        shown = "; ".join(f"{_word(name)}: {_changed(getattr(same, name), getattr(about, name))}" for name in differs)
        raise UserError(f"{out} holds another training ({shown}). Choose another --out, or delete it.")
    try:
        trainer.classifier.network.load_state_dict(weights)
        trainer.load_state(state)
        return replace(stored, name=about.name), list(state["history"])
    except (KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{last} holds no state to go on from ({error}). Delete it to begin anew.") from error


def _word(field: str) -> str:
    return {"code_sha256": "the text of the recipe's file", "data_fingerprint": "the data"}.get(field, field)


def _changed(stored: Any, asked: Any) -> str:
    """`stored != asked`, of mappings only what differs."""
    if not isinstance(stored, Mapping):
        digits = 8 if len(str(stored)) == len(str(asked)) == DIGEST else 60
        return f"{str(stored)[:digits]} != {str(asked)[:digits]}"
    keys = [key for key in {**stored, **asked} if stored.get(key) != asked.get(key)]
    return ", ".join(f"{key} {stored.get(key)} != {asked.get(key)}" for key in keys)


def _store(out: Path, about: About, trainer: Trainer, history: list[dict[str, float]], rate: float) -> None:
    """The log, `best.pt` where this epoch is the best, and last of all `last.pt`, from which a run goes on."""
    weights = trainer.classifier.network.state_dict()
    write_log(out, history, rate)
    if about.top1_accuracy > max((row["val_top1_accuracy"] for row in history[:-1]), default=-1.0):
        with atomic(out / "best.pt") as temporary:
            save(temporary, about, weights, {})
    _store_state(out, about, trainer, history)


def _store_state(out: Path, about: About, trainer: Trainer, history: list[dict[str, float]]) -> None:
    """`last.pt`; from its first writing on, the folder is this training's."""
    with atomic(out / "last.pt") as temporary:
        save(temporary, about, trainer.classifier.network.state_dict(), {**trainer.state(), "history": history})
