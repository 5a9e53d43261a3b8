"""Robustness evaluation harness for image classifiers: train, evaluate, report."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from robustbench_cls.corruptions.engine import corrupt as corrupt
    from robustbench_cls.evaluation.evaluate import evaluate as evaluate
    from robustbench_cls.evaluation.options import EvaluationOptions as EvaluationOptions
    from robustbench_cls.metrics.alexnet import corruption_errors as corruption_errors
    from robustbench_cls.metrics.alexnet import mean_corruption_error as mean_corruption_error
    from robustbench_cls.metrics.shape_bias import shape_bias as shape_bias
    from robustbench_cls.models.load import load_classifier as load_classifier
    from robustbench_cls.report.comparison import compare as compare
    from robustbench_cls.report.page import write_report as write_report
    from robustbench_cls.training.options import TrainingOptions as TrainingOptions
    from robustbench_cls.training.train import train as train

_HOMES = {
    "EvaluationOptions": "evaluation.options",
    "TrainingOptions": "training.options",
    "compare": "report.comparison",
    "corrupt": "corruptions.engine",
    "corruption_errors": "metrics.alexnet",
    "evaluate": "evaluation.evaluate",
    "load_classifier": "models.load",
    "mean_corruption_error": "metrics.alexnet",
    "shape_bias": "metrics.shape_bias",
    "train": "training.train",
    "write_report": "report.page",
}

__all__ = [
    "EvaluationOptions",
    "TrainingOptions",
    "compare",
    "corrupt",
    "corruption_errors",
    "evaluate",
    "load_classifier",
    "mean_corruption_error",
    "shape_bias",
    "train",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """The public names, imported when first used, so that `import robustbench_cls` takes no torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'robustbench_cls' has no attribute '{name}'")
    return getattr(importlib.import_module(f"robustbench_cls.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """The public names, for those who look for them in a shell."""
    return sorted({*globals(), *__all__})
