"""One epoch of training and one of validation."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2
from timm.utils import dispatch_clip_grad
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.keys import Key
from robustbench_cls.core.recipe import Regimen
from robustbench_cls.core.suite import Condition, Protocol
from robustbench_cls.data.batches import Part, Rows, batches
from robustbench_cls.data.crop_cache import Crops
from robustbench_cls.data.source import ImageSource
from robustbench_cls.models.classifier import Classifier
from robustbench_cls.training.images import seed_everything, unwrapped

Mix: TypeAlias = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
Advance: TypeAlias = Callable[[int], object]
"""Called after each step with its number of images."""


def pick_precision(name: str, device: torch.device) -> torch.dtype:
    """The number type to which autocast converts the forward pass; `auto` is mixed precision on CUDA, else float32.

    On CPUs bfloat16 must be asked for: with AMX it trains a ResNet-18 at 64 px about 1.9 times as fast, but
    EfficientNets, whose depthwise convolutions it does not speed up, at half the speed.
    """
    if name != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


@dataclass(frozen=True)
class Trainer:
    """The parts of a training step: a network, its optimiser and schedule, and the way the loss is made.

    Attributes:
        steps: optimiser steps of an epoch.
        scaler: of float16 gradients; does nothing for other number types.
    """

    classifier: Classifier
    regimen: Regimen
    optimizer: torch.optim.Optimizer
    scheduler: Any
    scaler: torch.amp.GradScaler
    precision: torch.dtype
    mix: Mix | None
    steps: int
    seed: int

    def state(self) -> dict[str, Any]:
        """The state that a resumed run needs beside the weights."""
        return {"optimizer": self.optimizer.state_dict(), "scaler": self.scaler.state_dict()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])


def warmup_of(regimen: Regimen) -> float:
    """The epochs in which the rate rises: at most a quarter of all, so that short runs still reach their rate."""
    return min(regimen.warmup_epochs, regimen.epochs / 4)


def make_trainer(
    classifier: Classifier, regimen: Regimen, mix: Mix | None, precision: torch.dtype, steps: int, seed: int
) -> Trainer:
    """A trainer at its first step.

    Raises:
        UserError: timm does not know the optimiser or the schedule.
    """
    lr = regimen.lr * regimen.batch_size / regimen.lr_batch_size
    try:
        optimizer = create_optimizer_v2(
            classifier.network, opt=regimen.optimizer, lr=lr, weight_decay=regimen.weight_decay
        )
        scheduler, _ = create_scheduler_v2(
            optimizer,
            sched=regimen.schedule,
            num_epochs=regimen.epochs,
            decay_epochs=regimen.epochs / 3,
            warmup_epochs=warmup_of(regimen),
            warmup_lr=lr / 100,
            step_on_epochs=False,
            updates_per_epoch=steps,
        )
        if scheduler is None:
            raise ValueError("no schedule; 'constant' keeps the rate after the warm-up")
    except (AssertionError, ValueError, TypeError, RuntimeError) as error:
        raise UserError(
            f"timm can't make optimizer '{regimen.optimizer}' with '{regimen.schedule}': {error}"
        ) from error
    device = classifier.device.type
    scaler = torch.amp.GradScaler(device, enabled=precision == torch.float16)
    return Trainer(classifier, regimen, optimizer, scheduler, scaler, precision, mix, steps, seed)


def train_epoch(
    trainer: Trainer, loader: "DataLoader[tuple[torch.Tensor, int]]", epoch: int, advance: Advance
) -> float:
    """Every batch of the loader once; the mean loss over images.

    All randomness of a step (mixing, dropout) is keyed by (seed, epoch, step).

    Raises:
        UserError: the loss is not finite.
    """
    trainer.classifier.network.train()
    total, count = 0.0, 0
    for step, (images_B3HW, labels_B) in enumerate(unwrapped(loader)):
        seed_everything(Key.of("step", trainer.seed, epoch, step))
        loss = _step(trainer, images_B3HW, labels_B)
        trainer.scheduler.step_update(num_updates=epoch * trainer.steps + step + 1)
        if not math.isfinite(loss):
            raise UserError(
                f"The loss became {loss} in epoch {epoch + 1}, step {step + 1}. Lower the rate, such as "
                f"--set lr={trainer.regimen.lr / 4:g}, or add --set clip_grad=1."
            )
        total += loss * len(labels_B)
        count += len(labels_B)
        advance(len(labels_B))
    return total / count


def _step(trainer: Trainer, images_B3HW: torch.Tensor, labels_B: torch.Tensor) -> float:
    classifier, regimen = trainer.classifier, trainer.regimen
    images = classifier.normalised(images_B3HW)
    targets = labels_B.to(classifier.device, non_blocking=True)
    if trainer.mix is not None:
        images, targets = trainer.mix(images, targets)
        if images.shape[1:] != images_B3HW.shape[1:] or len(images) != len(targets):
            raise UserError(
                f"The recipe's mix must give images of shape {tuple(images_B3HW.shape)} with their targets, it gave "
                f"{tuple(images.shape)} and {tuple(targets.shape)}."
            )
    with torch.autocast(classifier.device.type, trainer.precision, enabled=trainer.precision != torch.float32):
        logits_BC = classifier.network(images)
    loss = cross_entropy(logits_BC.float(), targets, label_smoothing=regimen.label_smoothing)
    trainer.optimizer.zero_grad()
    trainer.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
    if regimen.clip_grad:
        trainer.scaler.unscale_(trainer.optimizer)
        dispatch_clip_grad(classifier.network.parameters(), regimen.clip_grad)
    trainer.scaler.step(trainer.optimizer)
    trainer.scaler.update()
    return float(loss.detach())


def validate(classifier: Classifier, source: ImageSource, batch_size: int, workers: int) -> float:
    """Top-1 accuracy on a source whose labels are indices of the head, 0..1."""
    own = classifier.preprocessing
    protocol = Protocol().resolved(own.resize, own.input_size, own.interpolation, fixed=False)
    every = Rows(Part(Condition("clean"), Crops(source, protocol)), 0, len(source))
    classifier.network.eval()
    right = 0
    for rows, images_BHW3 in batches(every.in_batches(batch_size), workers):
        right += int((classifier.logits(images_BHW3).argmax(dim=1).cpu() == rows.labels).sum())
    return right / len(source)
