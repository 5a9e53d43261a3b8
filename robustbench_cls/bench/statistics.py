"""Measure how long numbers and their intervals take, once predictions are stored."""

import time
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from robustbench_cls.bench.corruptions import machine
from robustbench_cls.core.corruption import GROUPS
from robustbench_cls.core.errors import NotApplicable
from robustbench_cls.core.predictions import Predictions
from robustbench_cls.core.sample import RESAMPLES, Sample, draws
from robustbench_cls.core.suite import Condition, graded
from robustbench_cls.core.versions import versions
from robustbench_cls.metrics.interval import ends_of, interval
from robustbench_cls.metrics.scoring import all_metrics

CLASSES = 1000


@dataclass(frozen=True)
class StatisticsBenchmark:
    """Seconds on the clock for all numbers of one model with their intervals.

    Attributes:
        drawing: time of drawing the resamples, once for all models on the same images.
        seconds: time of each metric in all places where it has a value. Work that metrics share counts for the first.
        numbers: number of values with an interval.
        peak_mb: the most memory that the process ever held, in MB.
    """

    images: int
    conditions: int
    resamples: int
    drawing: float
    seconds: dict[str, float]
    numbers: int
    peak_mb: float
    machine: str
    versions: dict[str, str]

    @property
    def total(self) -> float:
        """Seconds of drawing and of all metrics."""
        return self.drawing + sum(self.seconds.values())


def bench_statistics(images: int) -> StatisticsBenchmark:
    """Time every metric on made-up predictions of this many images under the 75 conditions of ImageNet-C."""
    conditions = graded(GROUPS)
    whole = replace(_drawn(images, conditions), reference=_drawn(images, (Condition("clean"),)))
    for metric in all_metrics().values():  # compiles kernels and loads libraries
        _values(metric.name, Sample.of(replace(_drawn(300, conditions), reference=_drawn(300, (Condition("clean"),)))))
    draws.cache_clear()
    started = time.perf_counter()
    sample = Sample.of(whole)
    drawing = time.perf_counter() - started
    seconds, numbers = {}, 0
    for name in all_metrics():
        started = time.perf_counter()
        numbers += _values(name, sample)
        seconds[name] = time.perf_counter() - started
    return StatisticsBenchmark(
        images, len(conditions) + 1, RESAMPLES, drawing, seconds, numbers, _peak_mb(), machine(), versions()
    )


def _values(name: str, sample: Sample) -> int:
    metric, numbers = all_metrics()[name], 0
    for place in metric.scope.places(sample):
        part = place.sample
        try:
            size = len(sample.predictions.image_ids)
            low, high = interval(metric.compute(part), metric.unit, size, partial(ends_of, metric, part))
        except NotApplicable:
            break
        numbers += low <= high
    return numbers


def _peak_mb() -> float:
    try:
        import resource
    except ImportError:  # Windows has no such module
        return float("nan")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _drawn(images: int, conditions: tuple[Condition, ...]) -> Predictions:
    """Made-up predictions of a model that is mostly right where it is sure."""
    rng = np.random.default_rng(0)
    shape = (len(conditions), images)
    label_CN = np.tile(rng.integers(0, CLASSES, images, dtype=np.int32), (len(conditions), 1))
    confidence_CN = rng.beta(2, 1, shape).astype(np.float32)
    correct_CN = rng.random(shape) < confidence_CN
    other_CN = (label_CN + rng.integers(1, CLASSES, shape, dtype=np.int32)) % CLASSES
    answer_CN = np.where(correct_CN, label_CN, other_CN)
    columns = {
        "label": label_CN,
        "prediction": answer_CN,
        "correct": correct_CN,
        "top5": correct_CN,
        "confidence": confidence_CN,
        "nll": -np.log(confidence_CN),
        "brier": (1 - confidence_CN) ** 2,
        "head_prediction": answer_CN,
        "head_correct": correct_CN,
    }
    return Predictions(conditions, tuple(map(str, range(images))), columns, True)
