"""A disk that fills up: files over a limit can't be written, what was stored before stays."""

import contextlib
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from robustbench_cls import EvaluationOptions, TrainingOptions, evaluate, load_classifier, train
from robustbench_cls.builders.shapes import build_shapes
from robustbench_cls.core.errors import UserError


@contextlib.contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes: writing more fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def leftovers(folder: Path) -> list[Path]:
    return list(folder.rglob("*.tmp"))


def test_training(toy: Path, tmp_path: Path) -> None:
    overrides = {"epochs": 2, "batch_size": 12, "input_size": 32}
    options = TrainingOptions(data=toy, overrides=overrides, out=tmp_path, workers=0, progress=False)
    with (
        room_for(100_000),
        pytest.raises(UserError, match=r"last\.pt: .*(No space|disk may be full|File too large).*make room"),
    ):
        train("test_resnet", "baseline", options)
    assert not leftovers(tmp_path)
    assert train("test_resnet", "baseline", options).exists()


def test_evaluation(toy: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    classifier = load_classifier(toy_checkpoint, device="cpu")
    options = EvaluationOptions(data=toy, out=tmp_path, workers=0, progress=False)
    with room_for(1500), pytest.raises(UserError, match="Could not write"):
        evaluate(classifier, "imagenet", options)
    assert not leftovers(tmp_path)
    (run,) = evaluate(classifier, "imagenet", options)
    assert not run.missing()


def test_drawn_shapes(tmp_path: Path) -> None:
    with room_for(600), pytest.raises(UserError, match=r"Could not write|can't be written|make room"):
        build_shapes(tmp_path / "shapes", train=1, val=1)
    assert list(tmp_path.iterdir()) == []
