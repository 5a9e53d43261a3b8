"""`robust demo`: the whole main job once, on data drawn here, with the very functions behind the other commands.

The recipes run side by side, a process each: a network this small keeps one core busy and no more, so that on
two cores both are done in the time of one. While they train, this process compiles the corruptions for both.
"""

import multiprocessing
import os
import signal
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from robustbench_cls.builders.shapes import build_shapes
from robustbench_cls.core.discovery import discover
from robustbench_cls.core.progress import progress_items, use_line
from robustbench_cls.core.recipe import Setting
from robustbench_cls.core.suite import Suite
from robustbench_cls.corruptions.compiling import compile_corruptions
from robustbench_cls.corruptions.engine import all_corruptions
from robustbench_cls.report.page import write_report

MODEL = "test_resnet"
RECIPES = ("baseline", "cutmix")
SUITES = ("imagenet", "imagenet-c", "imagenet-a", "stylized-imagenet")
TRAIN, VAL = 300, 15
"""Images a class: enough to learn from, and few enough to corrupt in 75 ways within a minute."""

SETTINGS: dict[str, Setting] = {
    "epochs": 8,
    "warmup_epochs": 2,
    "input_size": 64,
    "batch_size": 32,
    "optimizer": "adamw",
    "lr": 0.032,
    "weight_decay": 0.05,
    "label_smoothing": 0.1,
    "crop_scale_min": 0.35,
}
"""Of both recipes alike, so that only the recipe differs."""


def run_demo(out: Path) -> Path:
    """Draw the shapes, train both recipes, evaluate both on every suite, write the report.

    Every step takes up what an earlier, stopped demo left in `out`.

    Returns:
        The path of `index.html`.

    Raises:
        UserError: `out` holds something else, or can't be written.
    """
    data = out / "shapes"
    build_shapes(data, train=TRAIN, val=VAL, progress=progress_items)
    folders = [out / "runs" / recipe for recipe in RECIPES]
    # Started afresh, not forked: a process that has used torch's threads must not be forked.
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(RECIPES), mp_context=fresh, initializer=_die_quietly) as pool:
        lines = range(len(RECIPES))
        jobs = [
            pool.submit(train_and_evaluate, recipe, data, folder, SETTINGS, line)
            for recipe, folder, line in zip(RECIPES, folders, lines, strict=True)
        ]
        use_line(len(RECIPES))
        suites = [discover("robustbench_cls.suites", Suite)[name] for name in SUITES]
        conditions = [(c, suite.variant) for suite in suites if suite.corrupts for c in suite.conditions]
        compile_corruptions((all_corruptions()[c.name], c.severity, variant) for c, variant in conditions)
        for job in jobs:
            job.result()
    return write_report(folders, out / "index.html")


def train_and_evaluate(recipe: str, data: Path, folder: Path, settings: Mapping[str, Setting], line: int) -> None:
    """One recipe's training and evaluation, on its share of the cores."""
    import torch

    from robustbench_cls.evaluation.evaluate import evaluate
    from robustbench_cls.evaluation.options import EvaluationOptions
    from robustbench_cls.models.load import load_classifier
    from robustbench_cls.training.options import TrainingOptions
    from robustbench_cls.training.train import train

    use_line(line)
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // len(RECIPES)))
    best = train(MODEL, recipe, TrainingOptions(data=data, overrides=settings, out=folder, workers=0))
    classifier = load_classifier(best, backend="torch")  # the same numbers whatever else is installed
    evaluate(classifier, SUITES, EvaluationOptions(data=data, out=folder, workers=0, crops=data.parent / "crops"))


def _die_quietly() -> None:
    """Ctrl-C reaches every process: the first one speaks for all."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
