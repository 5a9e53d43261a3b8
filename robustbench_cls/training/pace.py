"""How long a training takes: measured for each epoch, and told beforehand."""

import sys
import time
from dataclasses import dataclass, field

import torch

from robustbench_cls.core.progress import notice
from robustbench_cls.training.order import Order, Step

ESTIMATED = 20
"""Steps after which the time of an epoch is told."""


@dataclass
class Clock:
    """Where the time of an epoch goes, in seconds."""

    started: float = field(default_factory=time.perf_counter)
    waited: float = 0.0
    images: int = 0
    steps: int = 0

    def row(self, epoch: int, device: torch.device) -> dict[str, float]:
        """The epoch's row of `timing.csv`."""
        seconds = time.perf_counter() - self.started
        return {
            "epoch": epoch,
            "seconds": round(seconds, 2),
            "images_per_second": round(self.images / seconds, 1),
            "seconds_per_step": round(seconds / max(1, self.steps), 4),
            "data_wait": round(self.waited / seconds, 3),
            "memory_gb": round(_memory(device) / 1e9, 2),
        }


def _memory(device: torch.device) -> int:
    """The greatest memory used so far: of the GPU, else of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows does not tell it
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class Estimate:
    """Tell once how long an epoch will take: after some steps, of which the first ones are slower."""

    def __init__(self, order: Order, device: torch.device, start: int) -> None:
        self.order, self.device = order, device
        self.start, self.marked = start, 0.0
        self.skipped = min(2, self.order.steps - 1)

    def after(self, step: Step) -> None:
        """Called after each step."""
        done = step.index + 1 - self.start
        if done == self.skipped:
            self.marked = time.perf_counter()
        if done != min(self.skipped + ESTIMATED, max(self.order.steps - 1, self.skipped + 1)) or not self.marked:
            return
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        seconds = (time.perf_counter() - self.marked) / (done - self.skipped) * self.order.steps
        left = seconds * (self.order.total - step.index - 1) / self.order.steps
        notice(
            f"An epoch of {self.order.count:,} images takes about {in_words(seconds)}. What is left of the training "
            f"takes about {in_words(left)}."
        )


def in_words(seconds: float) -> str:
    """A time such as `40 s`, `12 min` or `3.5 h`."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
