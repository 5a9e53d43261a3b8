"""`Learner`: a network and all that changes with it, step by step."""

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from timm.layers import convert_sync_batchnorm
from timm.optim import create_optimizer_v2
from timm.utils import ModelEmaV3, dispatch_clip_grad
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.keys import Key
from robustbench_cls.core.recipe import Regimen
from robustbench_cls.models.classifier import Classifier
from robustbench_cls.models.objectives import WithFeatures
from robustbench_cls.training.images import Batch, seed_everything
from robustbench_cls.training.order import Step
from robustbench_cls.training.ranks import Ranks
from robustbench_cls.training.schedules import Schedule, make_schedule
from robustbench_cls.training.tuning import training_mode

Mix: TypeAlias = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
Objective: TypeAlias = Callable[[nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]


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


def warmup_of(regimen: Regimen) -> float:
    """The epochs in which the rate rises: at most a quarter of all, so that short runs still reach their rate."""
    return min(regimen.warmup_epochs, regimen.epochs / 4)


@dataclass(frozen=True)
class Learner:
    """A network, its average, and what makes a step of both.

    Attributes:
        classifier: the network that learns.
        forward: the network as it is called: compiled, spread over processes, or itself.
        average: of weights and buffers over the steps, which is measured and stored; None where there is none.
        scaler: of float16 gradients; does nothing for other number types.
    """

    classifier: Classifier
    forward: nn.Module
    average: ModelEmaV3 | None
    optimizer: torch.optim.Optimizer
    scheduler: Schedule
    scaler: torch.amp.GradScaler
    precision: torch.dtype
    mix: Mix | None
    objective: Objective
    regimen: Regimen
    seed: int
    ranks: Ranks

    @property
    def measured(self) -> Classifier:
        """The classifier that is measured and stored: the average where there is one."""
        if self.average is None:
            return self.classifier
        return replace(self.classifier, network=self.average.module)

    @property
    def rate(self) -> float:
        """The learning rate of the next step, of the layers that learn fastest."""
        return max(float(group["lr"]) for group in self.optimizer.param_groups)

    def step(self, step: Step, batches: Sequence[Batch]) -> torch.Tensor:
        """Learn from a step's micro-batches; the loss of this process's share, as part of the mean over images.

        All randomness (mixing, dropout) is keyed by (seed, step, micro-batch).
        """
        training_mode(self.forward)
        self.optimizer.zero_grad()
        total = torch.zeros((), device=self.classifier.device)
        for batch in batches:
            seed_everything(Key.of("step", self.seed, step.index, batch.number))
            share = len(batch.labels_B) / step.images
            with ExitStack() as stack:
                if isinstance(self.forward, DistributedDataParallel) and batch is not batches[-1]:
                    stack.enter_context(self.forward.no_sync())
                loss = share * self._loss(batch)
                self.scaler.scale(self.ranks.count * loss).backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        if self.regimen.clip_grad:
            self.scaler.unscale_(self.optimizer)
            dispatch_clip_grad(self.classifier.network.parameters(), self.regimen.clip_grad)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.scheduler.step_update(num_updates=step.index + 1)
        if self.average is not None:
            self.average.update(self.classifier.network, step.index + 1)
        return total

    def _loss(self, batch: Batch) -> torch.Tensor:
        views, count = batch.images_VBHW3.shape[:2]
        images = self.classifier.normalised(batch.images_VBHW3.flatten(0, 1).permute(0, 3, 1, 2))
        targets = batch.labels_B.to(self.classifier.device, non_blocking=True)
        if self.mix is not None:
            images, targets = self._mixed(self.mix, images, targets)
        with torch.autocast(self.classifier.device.type, self.precision, enabled=self.precision != torch.float32):
            loss = self.objective(self.forward, images.view(views, count, *images.shape[1:]), targets)
        if not isinstance(loss, torch.Tensor) or loss.ndim or not loss.requires_grad:
            got = type(loss).__name__
            if isinstance(loss, torch.Tensor):
                got = f"a tensor of shape {tuple(loss.shape)}{'' if loss.requires_grad else ' without a gradient'}"
            raise UserError(
                "The recipe's objective must give one number that PyTorch can derive, the mean loss of the batch; it "
                f"gave {got}."
            )
        return loss

    @staticmethod
    def _mixed(mix: Mix, images: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        made = mix(images, targets)
        if not isinstance(made, tuple) or len(made) != 2:
            raise UserError(f"The recipe's mix must give images and targets, it gave {type(made).__name__}.")
        mixed, wanted = made
        if mixed.shape != images.shape or len(mixed) != len(wanted):
            raise UserError(
                f"The recipe's mix must give images of shape {tuple(images.shape)} with their targets, it gave "
                f"{tuple(mixed.shape)} and {tuple(wanted.shape)}."
            )
        return mixed, wanted

    def weights(self) -> dict[str, torch.Tensor]:
        """The weights and buffers that are measured."""
        return dict(self.measured.network.state_dict())

    def state(self) -> dict[str, Any]:
        """The state that a resumed run needs beside `weights`."""
        own = {} if self.average is None else {"network": dict(self.classifier.network.state_dict())}
        kept = self.objective.state_dict() if isinstance(self.objective, nn.Module) else {}
        return {
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            **own,
            **({"objective": dict(kept)} if kept else {}),
        }

    def load_state(self, weights: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        """Take up what `weights` and `state` gave."""
        self.classifier.network.load_state_dict(weights if self.average is None else state["network"])
        if self.average is not None:
            self.average.module.load_state_dict(weights)
        if isinstance(self.objective, nn.Module):
            self.objective.load_state_dict(state.get("objective", {}))
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])


def make_learner(
    classifier: Classifier,
    regimen: Regimen,
    mix: Mix | None,
    objective: Objective,
    precision: torch.dtype,
    steps: int,
    seed: int,
    ranks: Ranks,
) -> Learner:
    """A learner before its first step.

    Args:
        classifier: its network's gradients are on for what learns.
        steps: of an epoch.

    Raises:
        UserError: timm does not know the optimiser or the schedule, or PyTorch can't compile the network.
    """
    device = classifier.device
    lr = regimen.lr * regimen.batch_size / regimen.lr_batch_size
    try:
        optimizer = create_optimizer_v2(
            classifier.network,
            opt=regimen.optimizer,
            lr=lr,
            weight_decay=regimen.weight_decay,
            momentum=regimen.momentum,
            **({"eps": regimen.eps} if regimen.eps else {}),
            layer_decay=None if math.isclose(regimen.layer_decay, 1) else regimen.layer_decay,
        )
        scheduler = make_schedule(optimizer, regimen, warmup_of(regimen), steps)
    except (AssertionError, ValueError, TypeError, RuntimeError, AttributeError) as error:
        raise UserError(
            f"timm can't make optimizer '{regimen.optimizer}' with '{regimen.schedule}': {error}"
        ) from error
    network: nn.Module = classifier.network
    if getattr(objective, "wants_features", False):
        network = WithFeatures(network)
    if regimen.sync_batch_norm and ranks.count > 1:
        network = convert_sync_batchnorm(network)
    if regimen.compile:
        network = torch.compile(network)  # type: ignore[assignment]
    if ranks.count > 1:
        network = DistributedDataParallel(network, device_ids=[device] if device.type == "cuda" else None)
    return Learner(
        classifier=classifier,
        forward=network,
        average=ModelEmaV3(classifier.network, decay=regimen.ema_decay) if regimen.ema_decay else None,
        optimizer=optimizer,
        scheduler=scheduler,
        scaler=torch.amp.GradScaler(device.type, enabled=precision == torch.float16),
        precision=precision,
        mix=mix,
        objective=objective.to(device) if isinstance(objective, nn.Module) else objective,
        regimen=regimen,
        seed=seed,
        ranks=ranks,
    )
