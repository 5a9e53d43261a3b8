"""Real images and folders shared by the tests."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robustbench_cls.core import discovery

os.environ.setdefault("OMP_NUM_THREADS", "1")
"""PyTorch's threads, here and in processes started from here. The networks of the tests are so small that several
threads mostly wait for each other: on two busy cores they take three times as long."""

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("needs the folder of real data beside the checkout (../shared), which is not here")
    return SHARED


@pytest.fixture(autouse=True)
def no_files_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that a test names as code are found for as long as the process runs; here as long as the test does."""
    monkeypatch.setattr(discovery, "_taken_in", {})


@pytest.fixture(autouse=True)
def eager_unless_asked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--backend auto` as where no extra is installed: converting takes seconds. Tests of models see all there is."""
    if "tests/models" not in request.path.as_posix():
        monkeypatch.setattr("robustbench_cls.models.backends._installed", lambda name: False)


def draw(seed: int, label: int, size: int = 40) -> Image.Image:
    """A noisy square whose colour tells its class."""
    rng = np.random.default_rng([seed, label])
    pixels = rng.integers(0, 90, (size, size, 3))
    pixels[8:-8, 8:-8, label % 3] += 130
    return Image.fromarray(pixels.astype(np.uint8))


@pytest.fixture(scope="session")
def make_folder() -> Callable[..., Path]:
    """A function that writes a class folder tree and gives its path."""

    def make(root: Path, classes: tuple[str, ...] = ("cat", "dog", "owl"), count: int = 4, seed: int = 0) -> Path:
        for label, name in enumerate(classes):
            (root / name).mkdir(parents=True)
            for i in range(count):
                draw(seed * 1000 + i, label).save(root / name / f"{i}.png")
        return root

    return make


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory, make_folder: Callable[..., Path]) -> Path:
    """A data set's root of three classes with train, val, a and stylized."""
    root = tmp_path_factory.mktemp("toy")
    for seed, (split, count) in enumerate({"train": 12, "val": 4, "a": 2, "stylized": 4}.items()):
        make_folder(root / split, count=count, seed=seed)
    return root


@pytest.fixture(scope="session")
def toy_checkpoint(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`best.pt` of one epoch on the toy data."""
    from robustbench_cls import TrainingOptions, train

    overrides = {"epochs": 1, "batch_size": 12, "input_size": 32}
    out = tmp_path_factory.mktemp("toy-run")
    return train(
        "test_resnet", "baseline", TrainingOptions(data=toy, overrides=overrides, out=out, workers=0, progress=False)
    )
