"""Measure how long an evaluation takes, against its forward pass alone and against the loop that it replaces."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.functional import normalize, to_tensor

from robustbench_cls.bench.corruptions import machine, pillow_roundtrip
from robustbench_cls.bench.peers import REFERENCE, load_reference, peer
from robustbench_cls.core.suite import Condition, Suite
from robustbench_cls.core.versions import versions
from robustbench_cls.data.batches import Rows, batches
from robustbench_cls.data.crops import crop
from robustbench_cls.evaluation.evaluate import evaluate, with_crops
from robustbench_cls.evaluation.options import EvaluationOptions
from robustbench_cls.evaluation.plan import Plan, plan
from robustbench_cls.models.architectures import create_network
from robustbench_cls.models.classifier import Classifier
from robustbench_cls.models.load import load
from robustbench_cls.models.options import ModelOptions


@dataclass(frozen=True)
class Spent:
    """Seconds on the clock, and seconds of all processors: other programs lengthen only the first."""

    wall: float
    cpu: float

    def __truediv__(self, other: "Spent") -> "Spent":
        """The ratios of these seconds to those of `other`."""
        return Spent(self.wall / other.wall, self.cpu / other.cpu)


@dataclass(frozen=True)
class EvaluationBenchmark:
    """The times that the same images under the same conditions take.

    Attributes:
        images: number of images in each of the conditions.
        forward: the model alone, on batches that lie ready.
        corruption: making the batches alone.
        both: the evaluation as a user runs it: crops were stored before, and files are written.
        first: the same with decoding and storing the crops.
        plain: the loop that the evaluation replaces, and this evaluation when it corrupts as that loop does; empty if
            not asked for.
        plain_errors: top-1 errors of both, and by how much they would differ (95 %) if only the draws differed.
    """

    model: str
    precision: str
    backend: str
    images: int
    conditions: int
    batch_size: int
    workers: int
    forward: Spent
    corruption: Spent
    both: Spent
    first: Spent
    plain: tuple[Spent, Spent] | tuple[()]
    plain_errors: tuple[float, float, float] | tuple[()]
    machine: str
    versions: dict[str, str]


def load_for_speed(options: ModelOptions) -> Classifier:
    """The classifier, with random weights where a name of timm's comes without any: they are as fast."""
    if options.weights is not None or options.form() != "timm":
        return load(options)
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "random.pth"
        torch.save(create_network(str(options.model), 0, 0).state_dict(), weights)
        return load(replace(options, weights=weights))


def bench_evaluation(
    classifier: Classifier,
    suite: Suite,
    options: EvaluationOptions,
    workers: int,
    plain_classifier: Classifier | None,
    say: Callable[[str], object],
) -> EvaluationBenchmark:
    """Measure one suite on one model. With `plain_classifier` (eager float32), measure the plain loop as well.

    Machines drift, so the forward pass is timed before, between and after two evaluations, and means are taken.

    Raises:
        UserError: OpenCV, which the plain loop needs, can't be loaded.
    """
    if plain_classifier is not None:
        load_reference()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = replace(options, crops=folder / "crops", workers=workers, checks=False, progress=False)
        do = plan(suite, classifier, Path(options.data) if options.data else None, options.limit, options.seed)
        parts = [Rows(part, 0, len(part)) for part in do.parts]
        line = [batch for rows in parts for batch in rows.in_batches(options.batch_size)]
        _warm_up(classifier, line)
        first = _seconds(lambda: evaluate(classifier, suite, replace(options, out=folder / "first")), say, "first run")
        forward = [_seconds(lambda: _forward_alone(classifier, line), say, "forward pass alone")]
        both = []
        for turn in ("second", "third"):
            again = replace(options, out=folder / turn)
            both.append(_seconds(partial(evaluate, classifier, suite, again), say, f"{turn} run"))
            forward.append(_seconds(lambda: _forward_alone(classifier, line), say, "forward pass alone"))
        cropped = [
            rows for whole in with_crops(parts, options, workers) for rows in whole.in_batches(options.batch_size)
        ]
        corruption = _seconds(lambda: _images_alone(cropped, workers), say, "images alone")
        plain: tuple[Spent, Spent] | tuple[()] = ()
        errors: tuple[float, float, float] | tuple[()] = ()
        if plain_classifier is not None:
            plain, errors = _against(classifier, plain_classifier, suite, options, do, folder, workers, say)
    return EvaluationBenchmark(
        model=classifier.name,
        precision=classifier.precision,
        backend=classifier.backend,
        images=len(parts[0]),
        conditions=len(parts),
        batch_size=options.batch_size,
        workers=workers,
        forward=_mean([_mean([forward[0], forward[2]]), forward[1]]),
        corruption=corruption,
        both=_mean(both),
        first=first,
        plain=plain,
        plain_errors=errors,
        machine=machine(),
        versions=versions(),
    )


def _seconds(work: Callable[[], object], say: Callable[[str], object], what: str) -> Spent:
    started = _now()
    work()
    ended = _now()
    spent = Spent(ended.wall - started.wall, ended.cpu - started.cpu)
    say(f"{what}: {spent.wall:.1f} s, {spent.cpu:.1f} s of processors")
    return spent


def _now() -> Spent:
    times = os.times()
    return Spent(time.perf_counter(), times.user + times.system + times.children_user + times.children_system)


def _mean(spent: Sequence[Spent]) -> Spent:
    return Spent(statistics.mean(s.wall for s in spent), statistics.mean(s.cpu for s in spent))


def _warm_up(classifier: Classifier, line: Sequence[Rows]) -> None:
    """Compile kernels, and let the backend prepare for the batch sizes that come."""
    for size in {len(rows) for rows in line}:
        classifier.logits(_ready(line[0], size)).cpu()
    for part in {id(rows.part): rows.part for rows in line}.values():
        part.image(0)


def _ready(rows: Rows, size: int) -> torch.Tensor:
    image = torch.from_numpy(rows.part.image(rows.start))
    return image.expand(size, *image.shape).contiguous()


def _forward_alone(classifier: Classifier, line: Sequence[Rows]) -> None:
    ready = {size: _ready(line[0], size) for size in {len(rows) for rows in line}}
    for rows in line:
        logits = classifier.logits(ready[len(rows)])
    logits.cpu()


def _images_alone(line: Sequence[Rows], workers: int) -> None:
    for _ in batches(line, workers):
        pass


class PlainImages(Dataset[tuple[torch.Tensor, int]]):
    """The plain loop's images: opened, cut, corrupted by the package, saved as JPEG and normalised by workers."""

    def __init__(self, do: Plan, condition: Condition, classifier: Classifier) -> None:
        self.part = next(part for part in do.parts if part.condition == condition)
        self.condition = condition
        self.own = classifier.preprocessing

    def __len__(self) -> int:
        return len(self.part)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        source = self.part.crops.source
        run = peer(REFERENCE, self.condition.name, self.condition.severity)
        if run is None:
            raise LookupError(f"{REFERENCE} has no {self.condition.name}")
        np.random.seed(index)
        corrupted = run(crop(source.image(index), self.part.crops.protocol))
        image_3HW = normalize(
            to_tensor(pillow_roundtrip(np.asarray(corrupted).astype(np.uint8))), list(self.own.mean), list(self.own.std)
        )
        return image_3HW, int(source.labels_N[index])


def _plain_loop(do: Plan, classifier: Classifier, batch_size: int, workers: int) -> dict[Condition, np.ndarray]:
    """Run the plain loop: whether the model answers each image of each corrupted condition correctly."""
    right: dict[Condition, np.ndarray] = {}
    for condition in do.suite.conditions:
        loader = DataLoader(PlainImages(do, condition, classifier), batch_size, num_workers=workers)
        found = []
        with torch.inference_mode():
            for images_B3HW, labels_B in loader:
                answers_B = classifier.network(images_B3HW.to(classifier.device)).argmax(dim=1).cpu()
                found.append((answers_B == labels_B).numpy())
        right[condition] = np.concatenate(found)
    return right


def _against(
    classifier: Classifier,
    plain_classifier: Classifier,
    suite: Suite,
    options: EvaluationOptions,
    do: Plan,
    folder: Path,
    workers: int,
    say: Callable[[str], object],
) -> tuple[tuple[Spent, Spent], tuple[float, float, float]]:
    """Time the plain loop, and our evaluation from the first decoded image on. Both corrupt as the package does."""
    as_package = replace(suite, variant="imagecorruptions")
    ours = replace(options, crops=folder / "crops of the comparison", out=folder / "ours")
    runs = []
    our_time = _seconds(lambda: runs.extend(evaluate(classifier, as_package, ours)), say, "ours, from the start")
    found: dict[Condition, np.ndarray] = {}
    plain_time = _seconds(
        lambda: found.update(_plain_loop(do, plain_classifier, options.batch_size, workers)), say, "plain loop"
    )
    theirs_CN = np.stack([found[condition] for condition in suite.conditions])
    ours_CN = np.stack([runs[0].read(condition)["correct"].to_numpy() for condition in suite.conditions])
    by_image_N = ours_CN.mean(axis=0) - theirs_CN.mean(axis=0)
    interval = 1.96 * float(by_image_N.std()) / len(by_image_N) ** 0.5
    return (plain_time, our_time), (1 - float(theirs_CN.mean()), 1 - float(ours_CN.mean()), interval)
