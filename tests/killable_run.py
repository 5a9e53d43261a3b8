"""A run for `evaluation/test_kill.py` to kill, in a module that a new process can import."""

from dataclasses import replace
from pathlib import Path

from robustbench_cls.core.suite import Condition, Suite


def few() -> Suite:
    from robustbench_cls.suites.imagenet_c import SUITE

    conditions = tuple(
        Condition(name, severity) for name in ("fog", "contrast", "pixelate") for severity in range(1, 6)
    )
    return replace(SUITE, conditions=conditions)


def measure(model: Path, data: Path, out: Path) -> None:
    import torch

    from robustbench_cls import EvaluationOptions, evaluate, load_classifier

    torch.set_num_threads(1)
    options = EvaluationOptions(data=data, out=out, batch_size=5, workers=2, crops=out / "crops", progress=False)
    evaluate(load_classifier(model, device="cpu", backend="torch"), few(), options)  # converting takes longer than all
