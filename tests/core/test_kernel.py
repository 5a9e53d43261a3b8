"""Compiled functions: compiled on the first call, cached on disk wherever that can be written, alone in their file."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import robustbench_cls
from robustbench_cls.core.kernel import Kernel, kernel

PACKAGE = Path(robustbench_cls.__file__).parent
FILES = sorted((PACKAGE / "corruptions").glob("*.py"))

COUNT = """
import numpy as np
from robustbench_cls.corruptions import contrast
contrast.render(np.zeros((40, 40, 3), np.uint8), 1)
stats = contrast._shrink.compiled().stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


@kernel
def _double(values_N: np.ndarray) -> None:
    for i in range(values_N.size):
        values_N[i] *= 2


@kernel
def _quadruple(values_N: np.ndarray) -> None:
    _double(values_N)
    _double(values_N)


def test_a_kernel_may_call_a_kernel_of_its_file():
    values = np.arange(4)
    _quadruple(values)
    np.testing.assert_array_equal(values, [0, 4, 8, 12])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_kernels_call_no_function_of_another_file(file: Path):
    tree = ast.parse(file.read_text())
    kernels = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(d, ast.Name) and d.id == "kernel" for d in node.decorator_list)
    ]
    own = {node.name for node in kernels}
    for node in kernels:
        called = {c.func.id for c in ast.walk(node) if isinstance(c, ast.Call) and isinstance(c.func, ast.Name)}
        assert called <= own | {"range", "min", "max", "abs", "len", "int", "float", "bool"}, node.name


def run_copy(root: Path, **environment: str) -> tuple[int, int]:
    """Cache hits and misses of a process that uses a copy of the package in `root`."""
    result = subprocess.run(
        [sys.executable, "-c", COUNT],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    hits, misses = result.stdout.split()
    return int(hits), int(misses)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(PACKAGE, tmp_path / "robustbench_cls", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def read_only(root: Path) -> None:
    """A package folder in which no cache can be made, for root too: a file bears its name."""
    (root / "robustbench_cls" / "corruptions" / "__pycache__").write_text("in the way")


def test_compiled_once_and_then_read_from_disk(copy: Path):
    assert run_copy(copy) == (0, 1)
    assert run_copy(copy) == (1, 0)


def test_the_cache_survives_a_read_only_package_folder(copy: Path):
    read_only(copy)
    home = {"HOME": str(copy / "home"), "XDG_CACHE_HOME": str(copy / "home" / "cache")}
    (copy / "home").mkdir()
    assert run_copy(copy, PYTHONDONTWRITEBYTECODE="1", **home) == (0, 1)
    assert run_copy(copy, PYTHONDONTWRITEBYTECODE="1", **home) == (1, 0)


def test_without_any_place_for_a_cache_it_still_computes(copy: Path):
    read_only(copy)
    nowhere = str(copy / "robustbench_cls" / "__init__.py")  # a file, so no folder can be made in it
    hits, _ = run_copy(copy, PYTHONDONTWRITEBYTECODE="1", HOME=nowhere, XDG_CACHE_HOME=nowhere)
    assert hits == 0


def test_a_disk_without_room_for_the_cache(tmp_path: Path):
    code = (
        "import resource, signal; import numpy as np; from robustbench_cls.corruptions.engine import corrupt;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500));"
        "image = np.zeros((40, 40, 3), np.uint8);"
        "print([corrupt(image, name, 1).shape for name in ('contrast', 'gaussian_blur')])"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[(40, 40, 3), (40, 40, 3)]"


def test_importing_kernels_does_not_import_numba():
    code = "import sys; from robustbench_cls.corruptions import zoom_blur; print('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_plain_functions_stay_reachable():
    assert isinstance(_double, Kernel) and _double.function.__name__ == "_double"
