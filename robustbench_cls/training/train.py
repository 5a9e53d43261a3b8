"""`train`: one model, one recipe, checkpoints that describe themselves; stops and goes on at any step."""

import math
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.files import locked, remove_leftovers
from robustbench_cls.core.progress import notice, progress_bar
from robustbench_cls.core.recipe import Recipe
from robustbench_cls.data.crop_cache import Crops
from robustbench_cls.training.combining import find_recipe
from robustbench_cls.training.images import batches_from
from robustbench_cls.training.learner import Learner, warmup_of
from robustbench_cls.training.log import Row, write_timing
from robustbench_cls.training.options import TrainingOptions
from robustbench_cls.training.order import Step
from robustbench_cls.training.pace import Clock, Estimate
from robustbench_cls.training.plan import TrainingPlan, make_plan
from robustbench_cls.training.ranks import joined
from robustbench_cls.training.schedules import ONE_CYCLE
from robustbench_cls.training.stopping import Stop, deterministic
from robustbench_cls.training.store import BEST, FILES, LAST, Reached, go_on, store_epoch, store_state, stored_about
from robustbench_cls.training.trackers import Trackers
from robustbench_cls.training.validate import Validation, validate

STORED_EVERY = 300.0
"""Seconds of work that a killed process loses at most."""

LOOKED_AT = 16
"""Steps on a GPU between two looks at the loss: each look waits until the GPU is done."""


def train(model: str, recipe: str | Recipe, options: TrainingOptions | None = None) -> Path:
    """Train a timm classifier under a recipe.

    After each epoch `last.pt`, `log.csv` and `curves.png` are written, and `best.pt` where the accuracy on held-out
    training images is the best so far. Every five minutes, and when the process is asked to end, `last.pt` is written
    too. Started again with the same arguments, it goes on from there and ends in the same bytes.

    Args:
        model: a timm architecture.
        recipe: a name, names joined by `+`, a `.py` file of the user's own, or a Recipe.
        options: data, seed, `--set` overrides, where and how fast.

    Returns:
        The path of `best.pt`.

    Raises:
        UserError: an unknown model, recipe or setting, data that doesn't fit, or an output folder of another
            run; the message says how to mend it.
    """
    chosen = recipe if isinstance(recipe, Recipe) else find_recipe(recipe)
    return train_until(model, chosen, options or TrainingOptions(), None)


def train_until(model: str, chosen: Recipe, options: TrainingOptions, step: int | None) -> Path:
    """As `train`; with a step, the training is stored and left once so many are done in all."""
    options.check(model, chosen)
    model, options = str(model), replace(options, seed=int(options.seed), name=str(options.name))
    plan = make_plan(model, chosen, options, stored_about(options.folder(model, chosen)))
    with _alone(plan), joined(plan.ranks, plan.device), deterministic(plan.device.type != "cpu"), _advice(plan):
        return _Training(plan, step).run()


@contextmanager
def _alone(plan: TrainingPlan) -> Iterator[None]:
    """Hold the folder; of torchrun's processes the first does so for all."""
    if not plan.ranks.first:
        yield
        return
    with locked(plan.out / ".lock") as alone:
        if not alone:
            raise UserError(
                f"Another process is training into {plan.out}. Wait for it, or choose another --name or --out."
            )
        remove_leftovers(plan.out, FILES)
        yield


@contextmanager
def _advice(plan: TrainingPlan) -> Iterator[None]:
    """Say what to do where memory ran out."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        now = plan.regimen.micro_batch or plan.regimen.batch_size
        raise UserError(
            f"Memory ran out with {now} images of {plan.about.preprocessing.input_size} px in a forward pass. Use "
            f"--set micro_batch={max(2, now // 2)}; the step stays {plan.regimen.batch_size} images. Less memory is "
            "needed with --set checkpointing=true and --precision bfloat16, too."
        ) from error


class _Training:
    """One start of a training: from where the last one stopped to the end, or to where this one is stopped."""

    def __init__(self, plan: TrainingPlan, until: int | None = None) -> None:
        self.plan = plan
        self.until = until
        self.learner: Learner = plan.learner()
        self.about, self.reached = go_on(plan.out, plan.about, self.learner)
        plan.ranks.wait()  # nobody writes before all have read
        self.crops: Crops | None = None
        self.stored, self.kept = time.monotonic(), self.reached.step
        self.unseen: list[tuple[Step, torch.Tensor]] = []
        names = plan.trackers if plan.ranks.first and not self.finished else ()
        self.trackers = Trackers(names, self.about.name, self.about.settings, plan.out)

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or as many as the regimen's patience allows."""
        return self.reached.step >= self.plan.order.total or _stalled(self.reached, self.plan.regimen.patience)

    def run(self) -> Path:
        """Train for the steps that are missing; the path of `best.pt`."""
        if not self.finished:
            self.crops = self.plan.held_out() if len(self.plan.minival) else None
            if self.reached.step:
                notice(f"Going on after step {self.reached.step:,} of {self.plan.order.total:,}.")
            else:
                self._begin()
            with closing(self.trackers), Stop() as stop:
                self._learn(stop)
        else:
            notice("This training is finished: nothing is left to do.")
        best = self.plan.out / BEST
        if self.plan.ranks.first and self.finished and not best.is_file():
            last = self.plan.out / LAST
            raise UserError(f"{best} is gone, though the training is finished. {last} holds its last weights.")
        return best

    def _begin(self) -> None:
        regimen, warmup = self.plan.regimen, warmup_of(self.plan.regimen)
        held = len(self.plan.minival)
        chosen = f"{held:,} more are held out and choose best.pt" if held else "the last epoch becomes best.pt"
        notice(
            f"Learning from {self.plan.order.count:,} images of {len(self.about.class_names):,} classes in "
            f"{self.plan.order.steps:,} steps an epoch; {chosen}."
        )
        labels = self.plan.training.labels_N
        if missing := len(self.about.class_names) - len(np.unique(labels[labels >= 0])):
            notice(f"{missing} classes have no image among them, so the model can't learn them.")
        if warmup < regimen.warmup_epochs and regimen.schedule != ONE_CYCLE:
            notice(
                f"The warm-up lasts {warmup:g} epochs, not {regimen.warmup_epochs}: it may take at most a quarter of "
                f"the training ({regimen.epochs} epochs)."
            )
        self.about = replace(self.about, notes=self.plan.notes())
        if self.plan.ranks.first:
            store_state(self.plan.out, self.about, self.learner, self.reached)

    def _learn(self, stop: Stop) -> None:
        plan, order, reached = self.plan, self.plan.order, self.reached
        total, done = plan.regimen.epochs * order.count, self.about.epoch * order.count + reached.images
        clock, estimate = Clock(), Estimate(order, plan.device, reached.step)
        show = plan.progress and plan.ranks.first
        batches = batches_from(plan.images(), order, reached.step, plan.workers)
        with closing(batches), progress_bar(total, done, "", show=show) as bar:
            while not self.finished:
                bar.set_description(f"{self.about.name}, epoch {self.about.epoch + 1}/{plan.regimen.epochs}", False)
                asked = time.perf_counter()
                step, parts = next(batches)
                clock.waited += time.perf_counter() - asked
                self.reached.rate = max(self.reached.rate, self.learner.rate)
                self._note(step, self.learner.step(step, parts))
                clock.images, clock.steps = clock.images + step.images, clock.steps + 1
                bar.update(step.images)
                estimate.after(step)
                flags = [bool(stop.asked), time.monotonic() - self.stored > STORED_EVERY]
                ends, due = (value > 0 for value in plan.ranks.sums(flags))
                if reached.step % order.steps == 0:
                    timing = self._end_epoch(clock)
                    bar.set_postfix_str(_shown(reached.history[-1], timing))
                    clock = Clock()
                elif ends or due or reached.step == self.until:
                    self._store()
                if ends:
                    notice(f"Stored after step {reached.step:,} of {order.total:,} in {plan.out / LAST}.")
                    stop.obey()
                if reached.step == self.until:
                    return

    def _note(self, step: Step, loss: torch.Tensor) -> None:
        """Count a step, and look at its loss: now, or on a GPU with some of the following ones."""
        self.unseen.append((step, loss))
        self.reached.step, self.reached.images = step.index + 1, self.reached.images + step.images
        if self.plan.device.type == "cpu" or len(self.unseen) == LOOKED_AT:
            self._look()

    def _look(self) -> None:
        """Add up the losses since the last look.

        Raises:
            UserError: one is not finite.
        """
        losses = self.plan.ranks.sums([float(loss) for _, loss in self.unseen])
        for (step, _), loss in zip(self.unseen, losses, strict=True):
            if not math.isfinite(loss):
                number = step.index - step.epoch * self.plan.order.steps + 1
                raise self._diverged(f"The loss became {loss} in epoch {step.epoch + 1}, step {number}.", step.index)
            self.reached.loss += loss * step.images
        self.unseen.clear()

    def _diverged(self, what: str, done: int) -> UserError:
        """The error, with its cure, where numbers are not finite after so many steps."""
        if not done:
            return UserError(
                f"{what} No step was taken before, so it comes from the images, the recipe or the weights to begin "
                "with, not from the rate."
            )
        lr, last = self.plan.regimen.lr, self.plan.out / LAST
        return UserError(
            f"{what} Often the rate is too high: try --set lr={lr / 4:g} or --set clip_grad=1, under another --name or "
            f"--out. {last} holds the weights after step {self.kept:,}."
        )

    def _store(self) -> None:
        """Store a state between two epochs."""
        self._look()
        if self.plan.ranks.first:
            within = self.reached.step - self.about.epoch * self.plan.order.steps
            store_state(self.plan.out, replace(self.about, step=within), self.learner, self.reached)
        self.stored, self.kept = time.monotonic(), self.reached.step

    def _end_epoch(self, clock: Clock) -> Row:
        """Measure, log and store an epoch that is done; how long it took, as in `timing.csv`."""
        self._look()
        plan, reached, nan = self.plan, self.reached, math.nan
        timing = clock.row(self.about.epoch + 1, plan.device)
        seen = Validation(nan, nan, nan)
        if self.crops is not None:
            seen = validate(self.learner.measured, self.crops, 2 * plan.regimen.batch_size, plan.workers, plan.ranks)
            if not math.isfinite(seen.loss):
                what = f"The loss on held-out images became {seen.loss} after epoch {self.about.epoch + 1}."
                raise self._diverged(what, reached.step)
        elif not all(bool(tensor.isfinite().all()) for tensor in self.learner.weights().values()):
            raise self._diverged(f"Weights are not finite after epoch {self.about.epoch + 1}.", reached.step)
        best = self.crops is None or seen.top1 > max((row[TOP1] for row in reached.history), default=-1.0)
        row = {
            "epoch": self.about.epoch + 1,
            "images": reached.images,
            "lr": reached.rate,
            "train_loss": reached.loss / reached.images,
            "minival_loss": seen.loss,
            TOP1: seen.top1,
            "minival_top5_accuracy": seen.top5,
        }
        reached.history.append(row)
        reached.loss, reached.images, reached.rate = 0.0, 0, 0.0
        top1 = 0.0 if self.crops is None else seen.top1
        self.about = replace(self.about, epoch=self.about.epoch + 1, top1_accuracy=top1)
        if plan.ranks.first:
            store_epoch(plan.out, self.about, self.learner, reached, best=best)
            write_timing(plan.out, timing)
            self.trackers.epoch({**row, **timing})
        self.stored, self.kept = time.monotonic(), reached.step
        return timing


TOP1 = "minival_top1_accuracy"


def _stalled(reached: Reached, patience: int) -> bool:
    """Whether the accuracy has not risen for so many epochs."""
    if not patience or not reached.history:
        return False
    accuracies = [row[TOP1] for row in reached.history]
    return len(accuracies) - 1 - accuracies.index(max(accuracies)) >= patience


def _shown(row: Row, timing: Row) -> str:
    """The end of an epoch in a few words."""
    words = [f"loss {row['train_loss']:.3f}"]
    if not math.isnan(row[TOP1]):
        words.append(f"held out {100 * row[TOP1]:.1f} %")
    words += [f"loading {100 * timing['data_wait']:.0f} %", f"memory {timing['memory_gb']:.1f} GB"]
    return ", ".join(words)
