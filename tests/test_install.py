"""Installing, running, installing again and uninstalling: nothing stays behind that Python takes for the package."""

import os
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

WHERE = "import robustbench_cls; print(robustbench_cls.__file__)"

CORRUPT = """
import numpy as np
from robustbench_cls import corrupt
corrupt(np.zeros((40, 40, 3), np.uint8), "contrast", 1)
"""


@pytest.mark.slow
def test_install_run_install_editable_uninstall(tmp_path: Path) -> None:
    checkout, place = tmp_path / "checkout", tmp_path / "venv"
    checkout.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "robustbench_cls", checkout / "robustbench_cls", ignore=ignored)

    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "NUMBA_CACHE_DIR")}
    environment |= {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

    def python(*arguments: str) -> str:
        command = [str(place / "bin" / "python"), *arguments]
        run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout.strip()

    venv.create(place)
    installed = Path(python("-c", "import sysconfig; print(sysconfig.get_path('purelib'))"))
    # Everything that is installed where the tests run, dependencies, pip and setuptools, but for this package itself.
    dependencies = tmp_path / "dependencies"
    dependencies.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "robustbench_cls" not in entry.name:
            (dependencies / entry.name).symlink_to(entry)
    (installed / "dependencies.pth").write_text(str(dependencies))

    install = ("-m", "pip", "install", "--no-deps", "--no-build-isolation")
    python(*install, str(checkout))
    assert Path(python("-c", WHERE)) == installed / "robustbench_cls" / "__init__.py"
    python("-c", CORRUPT)
    assert [*(tmp_path / "cache").rglob("contrast*.nbc")]

    python(*install, "--editable", str(checkout))
    assert Path(python("-c", WHERE)) == checkout / "robustbench_cls" / "__init__.py"

    python("-m", "pip", "uninstall", "--yes", "robustbench-cls")
    assert not (installed / "robustbench_cls").exists()
