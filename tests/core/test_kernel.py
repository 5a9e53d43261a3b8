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
import robustbench_cls.core.kernel as kernel_module
from robustbench_cls.core.kernel import Kernel, add, high, kernel, mul, shl, shr, sub

PACKAGE = Path(robustbench_cls.__file__).parent
FILES = sorted((PACKAGE / "corruptions").glob("*.py"))
NARROW = {name for name, value in vars(kernel_module).items() if isinstance(value, kernel_module.Narrow)}

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


@kernel
def _narrow(left_N: np.ndarray, right_N: np.ndarray, out_6N: np.ndarray) -> None:
    for i in range(left_N.size):
        out_6N[0, i] = add(left_N[i], right_N[i])
        out_6N[1, i] = sub(left_N[i], right_N[i])
        out_6N[2, i] = mul(left_N[i], right_N[i])
        out_6N[3, i] = high(left_N[i], right_N[i])
        out_6N[4, i] = shl(left_N[i], 3)
        out_6N[5, i] = shr(left_N[i], 3)


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int32", "uint32"])
def test_narrow_operations_keep_the_type_and_wrap(dtype: str):
    limits = np.iinfo(dtype)
    numbers = np.array([limits.min, limits.min + 1, 0, 1, 2, 1000, limits.max - 1, limits.max], dtype)
    left, right = (side.reshape(-1) for side in np.meshgrid(numbers, numbers))
    found = np.empty((6, left.size), dtype)
    _narrow(left, right, found)
    ours, others = left.astype(object), right.astype(object)
    expected = [ours + others, ours - others, ours * others, ours * others >> limits.bits, ours * 8, ours // 8]
    wrapped = [[(value - limits.min) % (1 << limits.bits) + limits.min for value in row] for row in expected]
    np.testing.assert_array_equal(found, np.array(wrapped, dtype))


def test_narrow_operations_run_in_kernels_only():
    with pytest.raises(TypeError, match="add runs in kernels only"):
        add(1, 2)


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
        assert called <= own | NARROW | {"range", "min", "max", "abs", "len", "int", "float", "bool"}, node.name


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


def home(root: Path) -> dict[str, str]:
    """An environment in which the user's cache folder lies in `root` and nothing else says where caches go."""
    return {"HOME": str(root), "XDG_CACHE_HOME": str(root / "cache"), "NUMBA_CACHE_DIR": ""}


def caches(root: Path) -> set[str]:
    return {path.name.partition("-")[0] for path in root.rglob("*.nb[ci]")}


def test_compiled_once_and_then_read_from_the_users_cache_folder(copy: Path, tmp_path: Path) -> None:
    user = home(tmp_path / "user")
    assert run_copy(copy, **user) == (0, 1)
    assert run_copy(copy, **user) == (1, 0)
    assert "contrast._shrink" in caches(tmp_path / "user" / "cache" / "robustbench_cls" / "numba")
    assert not caches(copy / "robustbench_cls")


def test_a_cache_folder_in_the_environment_wins(copy: Path, tmp_path: Path) -> None:
    asked = home(tmp_path / "user") | {"NUMBA_CACHE_DIR": str(tmp_path / "asked")}
    assert run_copy(copy, **asked) == (0, 1)
    assert run_copy(copy, **asked) == (1, 0)
    assert caches(tmp_path / "asked") and not caches(tmp_path / "user") and not caches(copy / "robustbench_cls")


@pytest.mark.parametrize("variable", ["HOME", "NUMBA_CACHE_DIR"])
def test_without_any_place_for_a_cache_it_still_computes(copy: Path, tmp_path: Path, variable: str) -> None:
    (tmp_path / "file").touch()  # no folder can be made in a file, not by root either
    nowhere = home(tmp_path / "user") | {variable: str(tmp_path / "file" / "home")}
    if variable == "HOME":
        nowhere["XDG_CACHE_HOME"] = ""
    assert run_copy(copy, **nowhere)[0] == 0
    assert run_copy(copy, **nowhere)[0] == 0
    assert not caches(tmp_path)


@pytest.mark.parametrize("told", ["~/.cache/robustbench_cls", RuntimeError("could not determine the home directory")])
def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: str | Exception) -> None:
    def user_cache_dir(name: str, appauthor: bool) -> str:
        if isinstance(told, Exception):
            raise told
        return told

    def expanduser(path: Path) -> Path:
        if str(path).startswith("~"):
            raise RuntimeError("Could not determine home directory.")
        return path

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("robustbench_cls.core.kernel.user_cache_dir", user_cache_dir)
    monkeypatch.setattr(Path, "expanduser", expanduser)
    monkeypatch.setattr("numba.core.config.CACHE_DIR", "")
    values = np.arange(3)
    Kernel(_double.function)(values)
    np.testing.assert_array_equal(values, [0, 2, 4])
    assert not [*tmp_path.iterdir()]


def test_a_function_without_a_source_file() -> None:
    names: dict = {}
    exec(compile("def triple(values_N):\n    values_N *= 3", "<typed in>", "exec"), names)
    values = np.arange(3)
    Kernel(names["triple"])(values)
    np.testing.assert_array_equal(values, [0, 3, 6])


def test_other_packages_keep_their_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from numba.core import config

    for folder in ("", str(tmp_path)):
        monkeypatch.setattr(config, "CACHE_DIR", folder)
        Kernel(_double.function).compiled()
        assert folder == config.CACHE_DIR


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


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
def test_a_damaged_cache_is_named_with_the_cure(tmp_path: Path, kind: str):
    own = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", COUNT]
    assert subprocess.run(command, env=own, capture_output=True).returncode == 0
    emptied = list(tmp_path.rglob(f"*.{kind}"))
    for file in emptied:
        file.write_bytes(b"")
    run = subprocess.run(command, env=own, capture_output=True, text=True)
    assert emptied and run.returncode == 1
    last = run.stderr.strip().splitlines()[-1]
    assert f"The cache of compiled kernels in {tmp_path} is damaged" in last and "Delete that folder" in last
