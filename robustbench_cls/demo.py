"""`robust demo`: the whole main job once, on data drawn here, with the very functions behind the other commands."""

from pathlib import Path

from robustbench_cls.core.progress import progress_items
from robustbench_cls.data.shapes import build_shapes
from robustbench_cls.evaluation.evaluate import EvaluationOptions, evaluate
from robustbench_cls.report.page import write_report
from robustbench_cls.training.train import TrainingOptions, train

MODEL = "test_resnet"
RECIPES = ("baseline", "cutmix")
SUITES = ("imagenet", "imagenet-c", "imagenet-a", "stylized-imagenet")
TRAIN, VAL = 250, 15
"""Images a class: enough to learn from, and few enough to corrupt in 75 ways within a minute."""

SETTINGS = {
    "epochs": "7",
    "input_size": "64",
    "batch_size": "32",
    "optimizer": "adamw",
    "lr": "0.032",
    "weight_decay": "0.05",
    "label_smoothing": "0.1",
    "crop_scale_min": "0.35",
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
    folders = []
    for recipe in RECIPES:
        folder = out / "runs" / recipe
        best = train(MODEL, recipe, TrainingOptions(data=data, overrides=SETTINGS, out=folder))
        evaluate(best, SUITES, EvaluationOptions(data=data, out=folder))
        folders.append(folder)
    return write_report(folders, out / "index.html")
