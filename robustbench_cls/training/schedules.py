"""Schedules of the learning rate by step: timm's, and two that are made of what PyTorch and timm have."""

from typing import Any, Protocol

from timm.scheduler import create_scheduler_v2
from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR

from robustbench_cls.core.recipe import Regimen

ONE_CYCLE = "one-cycle"
SGDR = "sgdr"

FIRST_RATE = 0.01
"""With which the warm-up begins, as a fraction of the rate."""


class Schedule(Protocol):
    """Sets an optimiser's rates."""

    def step_update(self, num_updates: int) -> None:
        """Set the rates for the step after so many."""


class OneCycle:
    """PyTorch's OneCycleLR: the rate rises over 30 % of the steps and falls to nothing; the momentum does the reverse.

    Source: Smith and Topin 2018, arXiv:1708.07120.
    """

    def __init__(self, optimizer: Optimizer, total: int) -> None:
        rates = [group["lr"] for group in optimizer.param_groups]
        cycles = any("momentum" in group or "betas" in group for group in optimizer.param_groups)
        self._schedule = OneCycleLR(optimizer, rates, total_steps=max(2, total), cycle_momentum=cycles)

    def step_update(self, num_updates: int) -> None:
        """As timm's schedules; nothing is kept between two calls."""
        self._schedule.last_epoch = min(num_updates, self._schedule.total_steps - 1) - 1
        self._schedule.step()


def make_schedule(optimizer: Optimizer, regimen: Regimen, warmup: float, steps: int) -> Schedule:
    """The schedule of a training, its optimiser set to the first rate.

    Args:
        warmup: epochs in which the rate rises.
        steps: of an epoch.

    Raises:
        ValueError: timm has no such schedule.
    """
    if regimen.schedule == ONE_CYCLE:
        return OneCycle(optimizer, steps * regimen.epochs)
    rates = [group["lr"] for group in optimizer.param_groups]
    restarts: dict[str, Any] = {}
    if regimen.schedule == SGDR:
        restarts = {"cycle_limit": regimen.cycles, "cycle_decay": 1.0}
    schedule, _ = create_scheduler_v2(
        optimizer,
        sched="cosine" if regimen.schedule == SGDR else regimen.schedule,
        num_epochs=regimen.epochs / regimen.cycles,
        decay_epochs=regimen.decay_epochs or regimen.epochs / 3,
        decay_rate=regimen.decay_rate,
        warmup_epochs=warmup,
        warmup_lr=FIRST_RATE * max(rates),
        step_on_epochs=False,
        updates_per_epoch=steps,
        **restarts,
    )
    if schedule is None:
        raise ValueError("no schedule; 'constant' keeps the rate after the warm-up")
    made: Schedule = schedule
    return made
