"""Every command in the READMEs runs: the two that install in CI, the others here on small data."""

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torchvision import transforms

from robustbench_cls import EvaluationOptions, evaluate, write_report
from robustbench_cls.core.sample import Sample
from robustbench_cls.data.label_spaces import imagenet_1k, imagenet_subset
from robustbench_cls.metrics.scoring import all_metrics

ROOT = Path(__file__).resolve().parents[1]
READMES = (ROOT / "README.md", ROOT / "datasets/README.md", *sorted(ROOT.glob("robustbench_cls/*/README.md")))
README = READMES[0].read_text()
SMALLER = {
    "train": "--set epochs=1 --set batch_size=4 --set input_size=32 --workers 0",
    "eval": "--limit 2 --workers 0 --backend torch",
    "data shapes": "--train 2 --val 1",
    "data corrupt": "--corruptions contrast",
    "bench corruptions": "--photos 1 --size 40 --repeats 1 --corruptions contrast",
    "bench data": "--images 1 --repeats 1",
    "bench statistics": "--images 100",
    "bench train": "--size 32 --rounds 1 --seconds 0.1 --batch-size 9 --steps 2 --workers 0",
    "bench eval": "--model test_resnet --images 2 --backend torch --suite few.py",
}
"""Added to a command so that it ends soon; the last value given counts, and --set KEY stands in for the command's."""


def commands() -> list[str]:
    return [line for path in READMES for block in blocks(path, "sh") for line in block.splitlines() if line]


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.S | re.M)


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
        "SUITE = replace(WHOLE, name='few', conditions=(Condition('contrast', 5),))\n"
    )
    (root / "my_recipe.py").write_text(blocks(ROOT / "robustbench_cls/recipes/README.md", "python")[0])
    (root / "my_suite.py").write_text(next(b for b in blocks(READMES[0], "python") if b.startswith("# my_suite.py")))
    torch.manual_seed(0)
    torch.save(timm.create_model("tf_efficientnet_lite0").state_dict(), root / "efficientnet-lite0.pth")
    torch.save(timm.create_model("resnet50").state_dict(), root / "resnet50.pth")
    return root


def test_the_two_commands_come_first_and_ci_runs_them() -> None:
    first, second = commands()[:2]
    assert first == "pip install . && robust demo"
    assert second.startswith("pip install '.[test]' && pytest")
    assert "## Two commands" in (ROOT / ".ci/run").read_text()


OWN = """
import sys
import pytest
files = ["tests/metrics/test_contracts.py", "tests/corruptions/test_contracts.py", "tests/recipes/test_recipes.py"]
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *files, "-k", "mostly_right or darker or my-recipe"]))
"""


@pytest.mark.slow
def test_the_examples_pass_the_projects_own_tests(tmp_path: Path) -> None:
    """As they would if someone put them into the package: a file each, and nothing else."""
    ignored = shutil.ignore_patterns("__pycache__", "old")
    shutil.copytree(ROOT / "robustbench_cls", tmp_path / "robustbench_cls", ignore=ignored)
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    package = tmp_path / "robustbench_cls"
    example = next(block for block in blocks(READMES[0], "python") if block.startswith("# my_suite.py"))
    suite = example.index("SUITE = Suite(")
    metric = example.index("MOSTLY_RIGHT = ")
    (package / "metrics/always.py").write_text(example[:suite].replace("DARKER = ", "_ = None and "))
    (package / "corruptions/darker.py").write_text('"""Less light. No randomness."""\n' + example[:metric])
    (package / "recipes/my_recipe.py").write_text(blocks(ROOT / "robustbench_cls/recipes/README.md", "python")[0])
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    told = subprocess.run([sys.executable, "-c", OWN], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout[-3000:]
    assert int(re.search(r"(\d+) passed", told.stdout)[1]) > 12, told.stdout


@pytest.mark.slow
def test_every_other_command_runs(sandbox: Path) -> None:
    others = commands()[2:]
    assert len(others) >= 10
    for line in others:
        more = shlex.split(SMALLER.get(line.split()[1], SMALLER.get(" ".join(line.split()[1:3]), "")))
        for setting in (word.partition("=")[0] for word in more if "=" in word):
            line = re.sub(rf" --set {setting}=\S+", "", line)
        words = shlex.split(line)
        assert words[0] == "robust", line
        command = [sys.executable, "-m", "robustbench_cls.cli.main", *words[1:], *more]
        result = subprocess.run(command, cwd=sandbox, capture_output=True, text=True)
        assert result.returncode == 0, f"{line}\n{result.stdout}\n{result.stderr}"


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 200


def test_the_folders_are_all_there_with_the_first_line_of_their_docstrings() -> None:
    tree = re.search(r"^## Folders\n+```\n(.*?)^```", README, re.S | re.M)
    assert tree
    told = dict(re.findall(r"^  (\S+)/ +(.+)$", tree[1], re.M))
    package = ROOT / "robustbench_cls"
    first = {
        path.parent.relative_to(package).as_posix(): str(ast.get_docstring(ast.parse(path.read_text()))).split("\n")[0]
        for path in package.rglob("__init__.py")
    }
    del first["."]
    assert told == {folder: line.rstrip(".") for folder, line in first.items()}


def test_the_python_examples_run_as_printed(
    sandbox: Path, toy: Path, toy_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sandbox)
    images_BHW3 = np.stack([np.array(Image.open(path)) for path in sorted(toy.glob("val/cat/*.png"))])
    steps = [transforms.Resize(36), transforms.CenterCrop(32), transforms.ToTensor()]
    names: dict[str, Any] = {
        "images_BHW3": images_BHW3,
        "ids": list("abcd"),
        "network": timm.create_model("test_resnet", num_classes=3),
        "val_transform": transforms.Compose([*steps, transforms.Normalize((0.5,) * 3, (0.5,) * 3)]),
        "names": ("cat", "dog", "owl"),
    }
    (usage,) = [block for block in blocks(READMES[0], "python") if not block.startswith("# my_suite.py")]
    assert "reports/runs/resnet18-cutmix-s0/best.pt" in usage
    exec(usage.replace("reports/runs/resnet18-cutmix-s0/best.pt", str(toy_checkpoint)), names)
    assert names["foggy"].shape == images_BHW3.shape and Path("page.csv").is_file()
    (classes,) = blocks(ROOT / "robustbench_cls/metrics/README.md", "python")
    exec(classes, names)
    corrupting, *_ = blocks(ROOT / "robustbench_cls/corruptions/README.md", "python")
    exec(corrupting, {**names, "image_HW3": images_BHW3[0]})


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.parent.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https://)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_the_example_suite_is_measured_as_printed(
    sandbox: Path, toy_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = EvaluationOptions(data="mydata", out="runs", workers=0, progress=False, crops=None, checks=False)
    monkeypatch.chdir(sandbox)
    (run,) = evaluate(toy_checkpoint, "my_suite.py", options)
    page = write_report(run.folder, "page.html").read_text()
    sample = Sample.of(run.predictions(), 5)
    assert "camera" in page and "Right in most conditions" in page
    values_R = all_metrics()["mostly_right"].compute(sample)
    assert values_R[0] == (sample.column("correct").mean(axis=0) > 0.5).mean() and len(values_R) == 6
