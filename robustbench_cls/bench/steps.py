"""Measure where the time of a training goes: in the making of images, in one process, and in the steps of a learner.

The steps are those of `robust train`: its plan, its loading processes, its learner. What the learner does is told apart
by watching when its loss is asked for and when its optimizer steps.
"""

import statistics
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from robustbench_cls.bench.corruptions import milliseconds
from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.keys import Key
from robustbench_cls.data.random_crops import Crop, CropRule
from robustbench_cls.data.resize import Pixels
from robustbench_cls.training.images import Batch, TrainingImages, batches_from
from robustbench_cls.training.learner import Learner
from robustbench_cls.training.order import Step
from robustbench_cls.training.plan import TrainingPlan

WAITING, NORMALISING, FORWARD, BACKWARD, OPTIMIZER, REST = (
    "waiting for images",
    "normalising, mixing",
    "forward",
    "backward",
    "optimizer",
    "rest",
)
NETWORK = (FORWARD, BACKWARD)

GATHERING, DECODING, CUTTING, AUGMENTING = "reading, gathering", "decoding", "cutting", "augmenting"

WARM_UP = 5
"""Steps that do not count: processes start, and PyTorch chooses its algorithms."""

PASSES = 5


@dataclass(frozen=True)
class StepTimes:
    """Where the time of a training goes.

    Attributes:
        size: of the input in px.
        images: that were learned from.
        making: milliseconds an image takes in one process, by part.
        spent: seconds of the process that trains, by part.
        alone: images per second of the learner on a batch that lies ready, without loading processes.
    """

    model: str
    recipe: str
    size: int
    batch_size: int
    workers: int
    images: int
    making: dict[str, float]
    spent: dict[str, float]
    alone: float

    @property
    def seconds(self) -> float:
        """All of them."""
        return sum(self.spent.values())

    @property
    def network(self) -> float:
        """The share of the time that is spent in the forward and the backward pass."""
        return sum(self.spent[part] for part in NETWORK) / self.seconds


class _Undecoded(CropRule):
    """Leaves every crop as it was, and decodes nothing."""

    def cut(self, pixels: Pixels, crop: Crop, size: int, out_HW3: UInt8Image) -> None:
        """Do nothing."""

    def cut_file(self, data: bytes, name: str, key: Key, size: int, out_HW3: UInt8Image) -> None:
        """Do nothing."""


class _Uncut(CropRule):
    """Draws windows and decodes images, but leaves every crop as it was."""

    def cut(self, pixels: Pixels, crop: Crop, size: int, out_HW3: UInt8Image) -> None:
        """Do nothing."""


def bench_steps(plan: TrainingPlan, steps: int, *, kept: bool) -> StepTimes:
    """Measure a training's steps.

    Args:
        steps: that count.
        kept: images are decoded once and kept in memory, as `robust train` does with small data sets.

    Raises:
        UserError: an image can't be read, or an augmentation fails.
    """
    images = plan.images()
    images = images if kept else replace(images, decoded=None)
    watch = Watch(plan.device)
    learner = watch.watched(plan.learner())
    learned = 0
    with closing(batches_from(images, plan.order, 0, plan.workers)) as line:
        for number in range(WARM_UP + steps):
            if number == WARM_UP:
                watch.start()
            step, batches = next(line)
            watch.mark(WAITING)
            float(learner.step(step, batches))
            watch.mark(REST)
            learned += step.images if number >= WARM_UP else 0
    spent = dict(watch.spent)
    return StepTimes(
        model=plan.about.architecture,
        recipe=plan.recipe.name,
        size=plan.about.preprocessing.input_size,
        batch_size=plan.regimen.batch_size,
        workers=plan.workers,
        images=learned,
        making=_making(images, step),
        spent=spent,
        alone=_alone(learner, step, batches, watch),
    )


@dataclass
class Watch:
    """Seconds by what they were spent on; a GPU has finished its work at each mark."""

    device: torch.device
    spent: dict[str, float] = field(default_factory=dict)
    at: float = 0.0

    def start(self) -> None:
        """Forget what was spent so far."""
        self.spent.clear()
        self.at = time.perf_counter()

    def mark(self, part: str) -> None:
        """Put the time since the last mark down to this part."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = time.perf_counter()
        self.spent[part] = self.spent.get(part, 0.0) + now - self.at
        self.at = now

    def watched(self, learner: Learner) -> Learner:
        """The learner, whose steps leave marks. What follows its optimizer's step is not marked."""
        learner.optimizer.register_step_pre_hook(lambda *given: self.mark(BACKWARD))
        learner.optimizer.register_step_post_hook(lambda *given: self.mark(OPTIMIZER))
        objective = learner.objective

        def marked(network: Any, images_VB3HW: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            self.mark(NORMALISING)
            loss = objective(network, images_VB3HW, targets)
            self.mark(FORWARD)
            return loss

        return replace(learner, objective=marked)


def _alone(learner: Learner, step: Step, batches: Sequence[Batch], watch: Watch) -> float:
    """Images per second of the learner on batches that lie ready."""
    found = []
    for _ in range(WARM_UP + PASSES):
        watch.start()
        float(learner.step(step, batches))
        watch.mark(REST)
        found.append(sum(watch.spent.values()))
    return step.images / statistics.median(found[WARM_UP:])


def _making(images: TrainingImages, step: Step) -> dict[str, float]:
    """Milliseconds of an image by part, as differences between passes that leave out parts."""
    rule = images.rule
    settings = rule.scale_min, rule.padding, rule.interpolation
    plain = replace(images, views=_no_views)
    passes = {
        GATHERING: replace(plain, rule=_Undecoded(*settings)),
        DECODING: replace(plain, rule=_Uncut(*settings)),
        CUTTING: plain,
        AUGMENTING: images,
    }
    for made in passes.values():
        made[step]
    found: dict[str, list[float]] = {part: [] for part in passes}
    for _ in range(PASSES):
        for part, made in passes.items():
            found[part].append(milliseconds(made.__getitem__, step) / step.images)
    medians = [statistics.median(found[part]) for part in passes]
    return {part: max(0.0, now - before) for part, now, before in zip(passes, medians, [0.0, *medians], strict=False)}


def _no_views(size: int) -> None:
    """No augmentation."""
