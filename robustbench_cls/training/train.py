"""`train`: one model, one recipe, checkpoints that describe themselves; stops and goes on at any epoch."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tqdm import tqdm

from robustbench_cls.core.discovery import find
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.files import RUNS, atomic
from robustbench_cls.core.keys import Key
from robustbench_cls.core.recipe import Recipe, Regimen, Setting
from robustbench_cls.core.versions import versions
from robustbench_cls.data.batches import default_workers
from robustbench_cls.data.label_spaces import to_head
from robustbench_cls.data.locate import DEFAULT_TRAIN, open_split
from robustbench_cls.data.source import ImageSource
from robustbench_cls.models.architectures import create_network, family_of, preprocessing_of
from robustbench_cls.models.checkpoint import About, read_checkpoint, save
from robustbench_cls.models.classifier import Classifier
from robustbench_cls.models.load import pick_device, ready
from robustbench_cls.training.images import make_mix, seed_everything, training_loader
from robustbench_cls.training.log import write_log
from robustbench_cls.training.loop import Trainer, make_trainer, pick_precision, train_epoch, validate
from robustbench_cls.training.regimens import settle


@dataclass(frozen=True)
class TrainingOptions:
    """All that a training can be told beside model and recipe; `identity` fields decide the weights."""

    data: Path | None = field(default=None, metadata={"side": "identity"})
    overrides: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), metadata={"side": "identity"})
    seed: int = field(default=0, metadata={"side": "identity"})
    precision: str = field(default="auto", metadata={"side": "identity"})
    out: Path | None = field(default=None, metadata={"side": "runtime"})
    device: str = field(default="auto", metadata={"side": "runtime"})
    workers: int | None = field(default=None, metadata={"side": "runtime"})
    progress: bool = field(default=True, metadata={"side": "runtime"})


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
    root = options.data or DEFAULT_TRAIN
    training, validation = _sources(root)
    seed_everything(Key.of("init", options.seed))
    network = create_network(model, len(training.class_names), 0)
    regimen, settings = settle(chosen, family_of(network), options.overrides)
    seed_everything(Key.of("init", options.seed))
    network = create_network(model, len(training.class_names), regimen.input_size, drop_path=regimen.drop_path)
    device = pick_device(options.device)
    precision = pick_precision(options.precision, device)
    about = About(
        name=f"{model}-{chosen.name}-s{options.seed}",
        architecture=model,
        class_names=training.class_names,
        preprocessing=preprocessing_of(network, regimen.input_size),
        recipe=chosen.name,
        settings={**asdict(regimen), **settings, "precision": str(precision).removeprefix("torch.")},
        overlaps=chosen.overlaps,
        data_fingerprint=training.fingerprint,
        seed=options.seed,
        epoch=0,
        top1_accuracy=0.0,
        versions=versions(),
    )
    classifier = Classifier(about.name, ready(network, device), about.class_names, about.preprocessing, "", device)
    workers = default_workers() if options.workers is None else options.workers
    loader, order = training_loader(training, chosen, regimen, settings, about.preprocessing, options.seed, workers)
    mix = make_mix(chosen, settings, len(training.class_names))
    trainer = make_trainer(classifier, regimen, mix, precision, len(loader), options.seed)
    out = options.out or RUNS / about.name
    about, history = _resume(out, about, trainer)
    with tqdm(
        total=regimen.epochs * len(loader) * regimen.batch_size,
        initial=about.epoch * len(loader) * regimen.batch_size,
        desc=about.name,
        unit="img",
        disable=not options.progress,
    ) as bar:
        for epoch in range(about.epoch, regimen.epochs):
            order.epoch = epoch
            started = time.perf_counter()
            bar.set_description(f"{about.name} epoch {epoch + 1}/{regimen.epochs}")
            loss = train_epoch(trainer, loader, epoch, lambda count, _: bar.update(count))
            seconds = time.perf_counter() - started
            top1 = validate(classifier, validation, 2 * regimen.batch_size, workers)
            bar.set_postfix(loss=f"{loss:.3f}", val=f"{100 * top1:.1f}%")
            row = {
                "epoch": epoch + 1,
                "lr": trainer.optimizer.param_groups[0]["lr"],
                "train_loss": loss,
                "val_top1_accuracy": top1,
                "images_per_second": len(loader) * regimen.batch_size / seconds,
            }
            history.append(row)
            about = replace(about, epoch=epoch + 1, top1_accuracy=top1)
            _store(out, about, trainer, history)
    return out / "best.pt"
