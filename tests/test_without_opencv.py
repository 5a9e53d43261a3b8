"""OpenCV can't be loaded on servers without graphics libraries: only the tests and `robust bench` may need it."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import robustbench_cls

PACKAGE = Path(robustbench_cls.__file__).parent

CORRUPT = """
import numpy as np
from robustbench_cls import corrupt
from robustbench_cls.corruptions.engine import all_corruptions
from robustbench_cls.corruptions.jpeg import jpeg_roundtrip
image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
for name in all_corruptions():
    for variant in ("published", "imagecorruptions", "cifar"):
        assert jpeg_roundtrip(corrupt(image, name, 3, variant=variant)).shape == image.shape
"""

SMALL_DEMO = """
import sys
from pathlib import Path
from robustbench_cls import demo
demo.TRAIN, demo.VAL, demo.SETTINGS["epochs"] = 10, 1, 1
print(demo.run_demo(Path(sys.argv[1])))
"""


def without_opencv(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """Run Python where `import cv2` fails, in the processes that it starts too."""
    (folder / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(PACKAGE.parent)])}
    return subprocess.run([sys.executable, *command], env=environment, cwd=folder, capture_output=True, text=True)


def test_opencv_is_out_of_reach_in_these_tests(tmp_path: Path) -> None:
    assert "libGL.so.1" in without_opencv(tmp_path, "-c", "import cv2").stderr


def test_every_corruption_and_the_jpeg_step(tmp_path: Path) -> None:
    run = without_opencv(tmp_path, "-c", CORRUPT)
    assert run.returncode == 0, run.stderr


@pytest.mark.slow
def test_the_demo(tmp_path: Path) -> None:
    run = without_opencv(tmp_path, "-c", SMALL_DEMO, str(tmp_path / "demo"))
    assert run.returncode == 0, run.stderr
    assert Path(run.stdout.strip()).is_file()


@pytest.mark.parametrize(
    "command", ["bench corruptions --photos 1 --size 32", "bench eval --model test_resnet --backend torch --against"]
)
def test_benchmarks_against_imagecorruptions_say_what_they_lack(tmp_path: Path, toy: Path, command: str) -> None:
    data = ["--data", str(toy)] if "eval" in command else []
    run = without_opencv(tmp_path, "-m", "robustbench_cls.cli.main", *command.split(), *data)
    assert run.returncode == 2 and "Traceback" not in run.stderr
    assert "libGL.so.1" in run.stderr and "libgl1" in run.stderr


def test_only_the_benchmarks_import_opencv() -> None:
    found = set()
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if {name.partition(".")[0] for name in names} & {"cv2", "imagecorruptions", "albumentations"}:
                found.add(file.relative_to(PACKAGE).parts[0])
    assert found == {"bench"}
