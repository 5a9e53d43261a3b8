"""Every command in the README runs: the two installing ones in CI, the others here on small data."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from drawn_predictions import answered

from robustbench_cls.core.discovery import load_file
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.core.suite import Condition
from robustbench_cls.data.label_spaces import imagenet_1k, imagenet_subset

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
SMALLER = {
    "train": "--set epochs=1 --set batch_size=4 --set input_size=32 --workers 0",
    "eval": "--limit 2 --workers 0 --backend torch",
    "data shapes": "--train 2 --val 1",
    "data corrupt": "--limit 2 --corruptions contrast",
    "bench corruptions": "--photos 1 --size 40 --repeats 1 --corruptions contrast",
    "bench data": "--images 1 --repeats 1",
    "bench statistics": "--images 100",
    "bench eval": "--model test_resnet --images 2 --backend torch --suite few.py",
}
"""Added to a command so that it ends soon; the last value given counts."""


def commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.S | re.M)
    return [line for block in blocks for line in block.splitlines() if line]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, toy: Path, make_folder: Callable[..., Path]) -> Path:
    """A working folder with the data that the README speaks of, a few images each."""
    root = tmp_path_factory.mktemp("readme")
    (root / "mydata").symlink_to(toy)
    hard = imagenet_subset("imagenet-a", "imagenet_a_indices.txt").class_names
    classes = (*hard[:2], *[name for name in imagenet_1k() if name not in hard][:2])
    make_folder(root / "datasets/imagenet/train", classes=classes, count=2)
    make_folder(root / "datasets/imagenet/val", classes=classes, count=1)
    make_folder(root / "datasets/imagenet-a", classes=hard[:2], count=1)
    make_folder(root / "datasets/cue-conflict", classes=("cat", "dog"), count=2)
    for path in list((root / "datasets/cue-conflict").rglob("*.png")):
        path.rename(path.with_name(f"{path.parent.name}{path.stem}-oven1.png"))
    (root / "cifar10").symlink_to(toy)
    make_folder(root / "imagenet-mini/val", classes=classes, count=1)
    (root / "few.py").write_text(
        "from dataclasses import replace\n"
        "from robustbench_cls.core.suite import Condition\n"
        "from robustbench_cls.suites.imagenet_c import SUITE as WHOLE\n"
        "SUITE = replace(WHOLE, conditions=(Condition('contrast', 5),))\n"
    )
    torch.manual_seed(0)
    torch.save(timm.create_model("tf_efficientnet_lite0").state_dict(), root / "efficientnet-lite0.pth")
    torch.save(timm.create_model("resnet50").state_dict(), root / "resnet50.pth")
    return root


def test_the_two_commands_come_first_and_ci_runs_them() -> None:
    first, second = commands()[:2]
    assert first == "pip install . && robust demo"
    assert second.startswith("pip install '.[test]' && pytest")
    assert "## Two commands" in (ROOT / ".ci/run").read_text()


@pytest.mark.slow
def test_every_other_command_runs(sandbox: Path) -> None:
    others = commands()[2:]
    assert len(others) >= 10
    for line in others:
        words = shlex.split(line)
        assert words[0] == "robust", line
        more = shlex.split(SMALLER.get(words[1], SMALLER.get(" ".join(words[1:3]), "")))
        command = [sys.executable, "-m", "robustbench_cls.cli.main", *words[1:], *more]
        result = subprocess.run(command, cwd=sandbox, capture_output=True, text=True)
        assert result.returncode == 0, f"{line}\n{result.stdout}\n{result.stderr}"


def test_the_file_tree_is_complete() -> None:
    tree = re.search(r"^## Files\n+```\n(.*?)^```", README, re.S | re.M)
    assert tree
    named = set(re.findall(r"[\w.]+\.py", tree[1]))
    package = ROOT / "robustbench_cls"
    files = {path.name for path in package.rglob("*.py")} - {"__init__.py"}
    assert files <= named, sorted(files - named)
    assert named - {"test_guards.py"} <= files, sorted(named - files)


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https://)([^)#]+)", README):
        assert (ROOT / target).exists(), target


def test_the_example_metric_works_as_printed(tmp_path: Path) -> None:
    (block,) = [b for b in re.findall(r"^```python\n(.*?)^```", README, re.S | re.M) if "METRIC = " in b]
    (tmp_path / "error_range.py").write_text(block)
    metric = load_file(tmp_path / "error_range.py", Metric, "metric")
    conditions = [Condition("fog", 1), Condition("snow", 1)]
    sample = Sample.of(answered(np.array([[True, True], [True, False]]), conditions), 5)
    values_R = metric.compute(sample)
    assert values_R[0] == 0.5 and len(values_R) == 6
