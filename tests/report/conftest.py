"""Small stored runs with fixed answers, written through the store as an evaluation would write them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from robustbench_cls.core.corruption import IMAGENET_C, SEVERITIES
from robustbench_cls.core.keys import Key
from robustbench_cls.core.run import RunIdentity
from robustbench_cls.core.suite import IMAGENET_224, Condition, Protocol
from robustbench_cls.metrics.shape_bias import CATEGORIES
from robustbench_cls.report.page import collect, render_page
from robustbench_cls.report.section import ReportData
from robustbench_cls.results.store import StoredRun, as_table, open_run

IMAGES = 40
CLEAN = Condition("clean")
CORRUPTED = tuple(Condition(name, severity) for name in IMAGENET_C for severity in SEVERITIES)
FEW = tuple(Condition(name, severity) for name in ("shot_noise", "fog", "contrast") for severity in SEVERITIES)
"""Enough of a corruption suite for most tests, and quicker."""

OWN = Protocol(resize=235, crop=224, interpolation="bicubic", input_size=224)
PUBLISHED = replace(IMAGENET_224, input_size=224, images="generated:robustbench_cls", jpeg_quality=85)

SUITES: dict[str, tuple[tuple[Condition, ...], Condition | None, Protocol]] = {
    "imagenet": ((CLEAN,), None, OWN),
    "imagenet-c": (CORRUPTED, CLEAN, PUBLISHED),
    "imagenet-a": ((Condition("natural"),), CLEAN, replace(IMAGENET_224, input_size=224)),
    "cue-conflict": ((Condition("cue-conflict"),), None, replace(IMAGENET_224, input_size=224)),
    "stylized-imagenet": ((Condition("stylized"),), CLEAN, replace(IMAGENET_224, input_size=224)),
}

PROVENANCE = {
    "versions": {"python": "3.12.3", "torch": "2.6.0", "timm": "1.0.31"},
    "notes": ["synthetic answers", "for tests"],
    "source": "https://arxiv.org/abs/1903.12261",
}


def identity(model: str, suite: str, **changes: Any) -> RunIdentity:
    """The identity of a run of the usual kind, with changes."""
    restricted = suite == "imagenet-a"
    given: dict[str, Any] = {
        "model": model,
        "weights_sha256": Key.of(model).digest.hex() * 2,
        "classes_sha256": "c" * 64,
        "suite": suite,
        "suite_version": 1,
        "protocol": SUITES[suite][2],
        "label_space": "imagenet-a" if restricted else "head",
        "label_space_sha256": ("a" if restricted else "c") * 64,
        "data_fingerprint": "d" * 64,
        "limit": 0,
        "seed": 0,
        "precision": "float32",
        "backend": "torch",
    }
    return RunIdentity(**{**given, **changes})


def answers(model: str, suite: str, condition: Condition, accuracy: float, images: int) -> pd.DataFrame:
    """Per-image results, the same for the same arguments."""
    draw = Key.of(model, suite, condition.stem).generator()
    correct = draw.random(images) < accuracy
    head = correct & (draw.random(images) < (0.6 if suite == "imagenet-a" else 1.1))
    classes = len(CATEGORIES) if suite == "cue-conflict" else 1000
    labels = Key.of("labels", suite).generator().integers(0, classes, images)
    wrong = (labels + 1) % classes
    ids = [f"image-{i}" for i in range(images)]
    if suite == "cue-conflict":
        ids = [
            f"{CATEGORIES[label]}{i}-{CATEGORIES[w]}1.png"
            for i, (label, w) in enumerate(zip(labels, wrong, strict=True))
        ]
    return pd.DataFrame(
        {
            "image_id": ids,
            "label": labels,
            "prediction": np.where(correct, labels, wrong),
            "correct": correct,
            "top5": correct | (draw.random(images) < 0.3),
            "confidence": draw.random(images),
            "nll": draw.random(images) * 3,
            "brier": draw.random(images),
            "head_prediction": np.where(head, labels, wrong),
            "head_correct": head,
        }
    )


def accuracy_of(model: str, suite: str, condition: Condition) -> float:
    """Better models by name, worse answers by severity and suite."""
    base = 0.82 - 0.06 * (len(model) % 3)
    easier = (IMAGENET_C.index(condition.name) % 5) * 0.02 if condition.name in IMAGENET_C else 0.0
    drop = (
        {"imagenet-a": 0.5, "stylized-imagenet": 0.45, "cue-conflict": 0.6}.get(suite, 0.0)
        if condition != CLEAN
        else 0.0
    )
    return max(0.03, base - drop - 0.12 * condition.severity + easier)


def sample(path: Path, condition: Condition, side: int = 64) -> None:
    """A picture with noise that grows with severity."""
    ramp = np.linspace(30, 220, side)
    blue = {"clean": 120.0, "natural": 30.0, "stylized": 220.0}.get(condition.name, 120.0)
    image_HW3 = np.stack([np.tile(ramp, (side, 1)), np.tile(ramp[:, None], (1, side)), np.full((side, side), blue)], 2)
    noise_HW3 = Key.of(condition.stem).generator().normal(0, 12 * condition.severity, image_HW3.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(image_HW3 + noise_HW3, 0, 255).astype(np.uint8)).save(path)


def build_run(
    folder: Path,
    model: str = "resnet50",
    suite: str = "imagenet-c",
    *,
    few: bool = False,
    leave_out: Sequence[Condition] = (),
    imagenet: bool = True,
    images: int = IMAGES,
    samples: bool = False,
    provenance: Mapping[str, Any] | None = None,
    class_names: tuple[str, ...] = (),
    **changes: Any,
) -> StoredRun:
    """A stored run; `few` leaves three corruptions, `changes` are fields of its identity."""
    usual, reference, _ = SUITES[suite]
    told = PROVENANCE if provenance is None else provenance
    conditions = FEW if few else usual
    run = StoredRun(folder, identity(model, suite, **changes), conditions, reference, imagenet, told, class_names)
    open_run(run)
    for condition in run.all_conditions:
        if condition not in leave_out:
            frame = answers(model, suite, condition, accuracy_of(model, suite, condition), images)
            run.write(condition, as_table(frame))
        if samples:
            sample(run.sample_path(condition), condition)
    return run


Build = Callable[..., StoredRun]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """`build_run` with a folder of its own for each call."""
    count = iter(range(1000))
    return lambda *given, **options: build_run(tmp_path / "runs" / f"{next(count):03}", *given, **options)


@dataclass(frozen=True)
class Report:
    """A page with what it was made from."""

    data: ReportData
    html: str


@pytest.fixture(scope="session")
def report(results: Path) -> Report:
    """The report of `results`; not to be changed."""
    data = collect([results])
    return Report(data, render_page(data))


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models on four suites, all complete, with samples; not to be changed."""
    root = tmp_path_factory.mktemp("results")
    for model in ("resnet50", "vit_small"):
        for suite in SUITES:
            build_run(root / model / suite, model, suite, samples=True)
    return root
