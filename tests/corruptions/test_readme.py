"""The read-me of the corruptions: its example of a new one works."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import robustbench_cls

PACKAGE = Path(robustbench_cls.__file__).parent
README = PACKAGE / "corruptions" / "README.md"

USE = """
import numpy as np
from robustbench_cls import corrupt
image = np.full((200, 32, 3), 9, np.uint8)
rows = corrupt(image, "dead_rows", 5).any(axis=(1, 2))
print((~rows).sum(), np.array_equal(corrupt(image, "dead_rows", 5).any(axis=(1, 2)), rows), image.min())
"""


def test_the_example_of_a_new_corruption(tmp_path: Path) -> None:
    name, code = re.findall(r"^```python\n# (robustbench_cls/\S+)\n(.*?)^```", README.read_text(), re.S | re.M)[0]
    shutil.copytree(PACKAGE, tmp_path / "robustbench_cls", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / name).write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-c", USE]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    dead, repeatable, untouched = run.stdout.split()
    assert 40 < int(dead) < 90 and repeatable == "True" and untouched == "9"
