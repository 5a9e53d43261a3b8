"""Measure how long corrupting takes: this engine against the package it replaces and others, in one thread each.

Times are medians over photos and repeats. For each condition the engines take turns, a pass over the photos each, so
that a busy machine slows them alike. Compare ratios between machines, and milliseconds only on one. Each turn begins
with some milliseconds that do not count: an evaluation stays with one engine, while here another one has just filled
the processor's caches, and the first call after that takes up to four times as long.
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import TypeVar

import numpy as np

from robustbench_cls.bench.peers import REFERENCE, Run, installed_peers, load_reference, peer
from robustbench_cls.core.arrays import UInt8Image
from robustbench_cls.core.corruption import EXTRA, IMAGENET_C, SEVERITIES, Corruption, Variant
from robustbench_cls.core.versions import versions
from robustbench_cls.core.workers import usable_cores
from robustbench_cls.corruptions.engine import all_corruptions, corrupt_image
from robustbench_cls.corruptions.jpeg import jpeg_roundtrip

T = TypeVar("T")

OURS = "robustbench_cls"
OUR_PUBLISHED = "robustbench_cls, published"

PILLOW_STEP = "pillow"
CLEAN = "clean"
"""Stands for a corruption where the JPEG step is timed on the photos as they are."""

WARM_UP_MS = 5.0
"""Milliseconds of work at the beginning of a turn that do not count; at least one call."""

COMPILE = """
import sys
import time
import numpy as np
from robustbench_cls.corruptions.engine import corrupt
image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
started = time.perf_counter()
for variant in ("published", "imagecorruptions"):
    for name in sys.argv[1:]:
        for severity in range(1, 6):
            corrupt(image, name, severity, variant=variant)
print(time.perf_counter() - started)
"""


@dataclass(frozen=True)
class Timing:
    """The median milliseconds that one engine takes for an image under one condition."""

    corruption: str
    severity: int
    engine: str
    milliseconds: float


@dataclass(frozen=True)
class Benchmark:
    """The results of one benchmark of the corruptions.

    Attributes:
        timings: by condition and engine. This engine is timed as the reference's own algorithm; where the published
            one is another, that is timed too.
        jpeg: those of the quality-85 step, ours and Pillow's, on clean photos (`CLEAN`) and after each condition.
        jpeg_identical: whether the step gives Pillow's pixels each time.
        two_threads: throughput of two threads divided by that of one, over all conditions.
        first_seconds: time of the first pass over all conditions in both variants, with an empty cache, so with
            compilation.
        cached_seconds: time of the same pass in the next process.
    """

    size: int
    photos: int
    timings: tuple[Timing, ...]
    jpeg: tuple[Timing, ...]
    jpeg_identical: bool
    two_threads: float
    first_seconds: float
    cached_seconds: float
    machine: str
    versions: dict[str, str]

    def engines(self) -> list[str]:
        """Names of the engines: ours, the reference, then the others in the order of the timings."""
        met = dict.fromkeys(timing.engine for timing in self.timings)
        return [engine for engine in dict.fromkeys([OURS, OUR_PUBLISHED, REFERENCE, *met]) if engine in met]

    def total(self, engine: str, names: Sequence[str]) -> float | None:
        """Milliseconds of these corruptions in all severities, or None where the engine lacks one of them."""
        found = [t.milliseconds for t in self.timings if t.engine == engine and t.corruption in names]
        return sum(found) if len(found) == len(SEVERITIES) * len(names) else None

    def times_faster(self, names: Sequence[str]) -> float | None:
        """How many times faster than the reference this engine is over these corruptions."""
        ours, reference = self.total(OURS, names), self.total(REFERENCE, names)
        return reference / ours if ours and reference else None

    def jpeg_mean(self, engine: str, names: Sequence[str]) -> float | None:
        """The mean milliseconds of the JPEG step after these corruptions, or None where none was measured."""
        found = [t.milliseconds for t in self.jpeg if t.engine == engine and t.corruption in names]
        return statistics.mean(found) if found else None

    def with_jpeg(self, engine: str, names: Sequence[str]) -> float | None:
        """As `total`, with the JPEG step after each condition: our own after this engine, Pillow's after others."""
        total = self.total(engine, names)
        step = self.jpeg_mean(OURS if engine == OURS else PILLOW_STEP, names)
        return None if total is None or step is None else total + step * len(SEVERITIES) * len(names)

    def slowest(self, name: str) -> float:
        """Milliseconds of this engine's slowest severity, in either variant."""
        ours = (OURS, OUR_PUBLISHED)
        return max(t.milliseconds for t in self.timings if t.corruption == name and t.engine in ours)


def bench_corruptions(
    images: Sequence[UInt8Image], repeats: int, names: Sequence[str], advance: Callable[[], object]
) -> Benchmark:
    """Measure every severity of these corruptions; `advance` is called after each.

    Raises:
        UserError: OpenCV can't be loaded.
    """
    load_reference()
    timings: list[Timing] = []
    with _one_thread_each():
        jpeg, identical = _jpeg_medians(CLEAN, 0, images, repeats)
        for name in names:
            for severity in SEVERITIES:
                candidates = _candidates(all_corruptions()[name], severity)
                for engine, found in _medians(candidates, images, repeats).items():
                    timings.append(Timing(name, severity, engine, found))
                after = [corrupt_image(image, all_corruptions()[name], severity, "0", 0) for image in images]
                steps, same = _jpeg_medians(name, severity, after, repeats)
                jpeg, identical = [*jpeg, *steps], identical and same
                advance()
        gain = _two_threads(images, names)
    first, cached = _compile_times(names)
    return Benchmark(
        size=images[0].shape[0],
        photos=len(images),
        timings=tuple(timings),
        jpeg=tuple(jpeg),
        jpeg_identical=identical,
        two_threads=gain,
        first_seconds=first,
        cached_seconds=cached,
        machine=machine(),
        versions=versions(),
    )


def _candidates(corruption: Corruption, severity: int) -> dict[str, Run]:
    """The functions to time, by engine: ours as the reference does it, ours as published if unlike, and others."""
    variants: dict[str, Variant] = {OURS: "imagecorruptions"}
    if "imagecorruptions" in corruption.variants:
        variants[OUR_PUBLISHED] = "published"
    found = {label: _ours(corruption, severity, variant) for label, variant in variants.items()}
    if corruption.name in IMAGENET_C + EXTRA:
        others = {package: peer(package, corruption.name, severity) for package in installed_peers()}
        found |= {package: run for package, run in others.items() if run is not None}
    return found


def _ours(corruption: Corruption, severity: int, variant: Variant) -> Run:
    return lambda image_HW3: corrupt_image(image_HW3, corruption, severity, "0", 0, variant)


def _medians(candidates: dict[str, Run], images: Sequence[UInt8Image], repeats: int) -> dict[str, float]:
    """The median milliseconds of each candidate. The candidates take turns."""
    found: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(repeats):
        for name, run in candidates.items():
            _warm_up(run, images)
            found[name] += [milliseconds(run, image) for image in images]
    return {name: statistics.median(times) for name, times in found.items()}


def _jpeg_medians(name: str, severity: int, images: Sequence[UInt8Image], repeats: int) -> tuple[list[Timing], bool]:
    """The time of both JPEG steps on these images, and whether both give the same pixels."""
    steps: dict[str, Run] = {OURS: jpeg_roundtrip, PILLOW_STEP: pillow_roundtrip}
    found = _medians(steps, images, repeats)
    same = all(np.array_equal(jpeg_roundtrip(image), pillow_roundtrip(image)) for image in images)
    return [Timing(name, severity, engine, milliseconds) for engine, milliseconds in found.items()], same


def _warm_up(run: Run, images: Sequence[UInt8Image]) -> None:
    spent = 0.0
    for image in cycle(images):
        spent += milliseconds(run, image)
        if spent >= WARM_UP_MS:
            return


def milliseconds(run: Callable[[T], object], image: T) -> float:
    """The milliseconds of one call."""
    started = time.perf_counter()
    run(image)
    return (time.perf_counter() - started) * 1e3


def pillow_roundtrip(image_HW3: UInt8Image) -> UInt8Image:
    """The JPEG step as most programs write it, with Pillow alone."""
    from io import BytesIO

    from PIL import Image

    file = BytesIO()
    Image.fromarray(image_HW3).save(file, "JPEG", quality=85)
    return np.array(Image.open(file))


def _two_threads(images: Sequence[UInt8Image], names: Sequence[str]) -> float:
    """The throughput of two threads divided by that of one: the median of a few turns."""
    corruptions = [all_corruptions()[name] for name in names]

    def work(image: UInt8Image) -> None:
        for corruption in corruptions:
            for severity in SEVERITIES:
                corrupt_image(image, corruption, severity, "0", 0)

    def seconds(threads: int) -> float:
        with ThreadPoolExecutor(threads) as pool:
            started = time.perf_counter()
            list(pool.map(work, [images[i % len(images)] for i in range(8)]))
            return time.perf_counter() - started

    work(images[0])
    return statistics.median(seconds(1) / seconds(2) for _ in range(5))


def _compile_times(names: Sequence[str]) -> tuple[float, float]:
    """Seconds of the first pass over every condition: with an empty cache, and in the next process."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        command = [sys.executable, "-c", COMPILE, *names]
        runs = [subprocess.run(command, env=environment, capture_output=True, text=True, check=True) for _ in range(2)]
    return float(runs[0].stdout), float(runs[1].stdout)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Keep every engine from starting threads of its own."""
    import cv2
    import torch

    before = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])


def machine() -> str:
    """The processor and the number of cores that this process may use."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.processor() or platform.machine()}, {usable_cores()} cores"
