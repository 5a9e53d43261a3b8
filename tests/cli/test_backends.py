"""`robust eval` on every backend, a process each, from data to stored answers."""

from pathlib import Path

import numpy as np
import pytest
from cli.test_commands import robust
from models.test_backends import needs

from robustbench_cls import TrainingOptions, train
from robustbench_cls.builders.shapes import build_shapes
from robustbench_cls.results.manifest import find_runs
from robustbench_cls.results.store import StoredRun

FEW = """
from dataclasses import replace
from robustbench_cls.core.suite import Condition
from robustbench_cls.suites.imagenet_c import SUITE as WHOLE
SUITE = replace(WHOLE, name="few", conditions=tuple(Condition(name, 3) for name in ("fog", "contrast", "shot_noise")))
"""

SETTINGS = {
    "epochs": 6,
    "input_size": 64,
    "batch_size": 32,
    "optimizer": "adamw",
    "lr": 0.032,
    "crop_scale_min": 0.35,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the shapes, a checkpoint that has learned from them and a suite of three corruptions."""
    root = tmp_path_factory.mktemp("backends")
    build_shapes(root / "shapes", train=40, val=8)
    options = TrainingOptions(data=root / "shapes", overrides=SETTINGS, out=root / "trained", workers=0, progress=False)
    train("test_resnet", "baseline", options)
    (root / "few.py").write_text(FEW)
    return root


def measured(place: Path, backend: str) -> list[StoredRun]:
    """The runs of `robust eval` on a backend."""
    suites = [word for name in ("imagenet", "imagenet-a", "few.py") for word in ("--suite", name)]
    options = ["--data", "shapes", "--backend", backend, "--device", "cpu", "--out", backend]
    told = robust("eval", *suites, *options, "trained/best.pt", cwd=place)
    assert told.returncode == 0, told.stderr
    assert f"on imagenet ({backend}, float32)" in told.stdout
    return find_runs(place / backend)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_backend_answers_as_pytorch_does(backend: str, place: Path) -> None:
    needs(backend)
    compared = 0
    for ours, theirs in zip(measured(place, "torch"), measured(place, backend), strict=True):
        assert (ours.identity.suite, ours.all_conditions) == (theirs.identity.suite, theirs.all_conditions)
        assert (ours.identity.backend, theirs.identity.backend) == ("torch", backend)
        for condition in ours.all_conditions:
            reference, answers = ours.read(condition), theirs.read(condition)
            assert answers["image_id"].equals(reference["image_id"])
            assert answers["prediction"].equals(reference["prediction"]), condition
            assert np.abs(answers["confidence"] - reference["confidence"]).max() < 1e-3, condition
            assert reference["prediction"].nunique() > 2 and reference["confidence"].std() > 0.01, condition
            compared += len(answers)
    assert compared == 80 + 80 + 40 + 4 * 80
