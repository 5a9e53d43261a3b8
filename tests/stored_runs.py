"""Small stored runs with fixed answers, written through the store as an evaluation would write them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from robustbench_cls.core.discovery import discover
from robustbench_cls.core.keys import Key
from robustbench_cls.core.origin import Origin
from robustbench_cls.core.run import Circumstances, RunIdentity
from robustbench_cls.core.suite import Condition, Suite
from robustbench_cls.metrics.shape_bias import CATEGORIES
from robustbench_cls.results.manifest import open_run
from robustbench_cls.results.store import StoredRun, as_table

IMAGES = 40
FEW = ("shot_noise", "fog", "contrast")
"""Corruptions enough for most tests, and quicker."""

CIRCUMSTANCES = Circumstances(
    notes=("synthetic answers", "for tests"), versions={"python": "3.12.3", "torch": "2.6.0", "timm": "1.0.31"}
)

Alter = Callable[[pd.DataFrame], pd.DataFrame]


def suite_named(name: str) -> Suite:
    """The package's suite of that name; `few` is ImageNet-C with three corruptions."""
    known = discover("robustbench_cls.suites", Suite)
    if name != "few":
        return known[name]
    whole = known["imagenet-c"]
    return replace(whole, conditions=tuple(c for c in whole.conditions if c.name in FEW))


def identity(model: str, suite: Suite, **changes: Any) -> RunIdentity:
    """The identity of a run of the usual kind, with changes."""
    protocol = suite.protocol.resolved(235, 224, "bicubic", fixed=True)
    if suite.corrupts:
        protocol = replace(protocol, images="generated:robustbench_cls", jpeg_quality=85)
    given: dict[str, Any] = {
        "model": model,
        "weights_sha256": Key.of(model).digest.hex() * 2,
        "classes_sha256": "c" * 64,
        "suite": suite.name,
        "suite_version": suite.version,
        "protocol": protocol,
        "label_space": suite.label_space.name,
        "label_space_sha256": ("c" if suite.label_space.name == "head" else "a") * 64,
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
    easier = len(condition.name) % 5 * 0.02 if condition.graded else 0.0
    harder = {"imagenet-a": 0.5, "stylized-imagenet": 0.45, "cue-conflict": 0.6}.get(suite, 0.0)
    drop = harder if condition.name != "clean" else 0.0
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
    suite: str | Suite = "imagenet-c",
    *,
    leave_out: Sequence[Condition] = (),
    imagenet: bool = True,
    images: int = IMAGES,
    samples: bool = False,
    origin: Origin | None = None,
    circumstances: Circumstances = CIRCUMSTANCES,
    class_names: tuple[str, ...] = (),
    alter: Alter = lambda frame: frame,
    **changes: Any,
) -> StoredRun:
    """A stored run of a suite given by name or as it is.

    `alter` changes the answers in each condition, and `changes` are fields of the run's identity.
    """
    measured = suite_named(suite) if isinstance(suite, str) else suite
    own = identity(model, measured, **changes)
    run = StoredRun(folder, own, measured, imagenet, origin or Origin(), circumstances, class_names)
    open_run(run)
    for condition in run.all_conditions:
        if condition not in leave_out:
            accuracy = accuracy_of(model, measured.name, condition)
            frame = alter(answers(model, measured.name, condition, accuracy, images))
            run.write(condition, as_table(frame[list(run.columns)]))
        if samples:
            sample(run.sample_path(condition), condition)
    return run
