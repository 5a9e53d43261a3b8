"""Guards over the whole package: layers, start-up, public names, identity."""

import ast
import re
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

import robustbench_cls
from robustbench_cls.core.run import RunIdentity
from robustbench_cls.core.suite import Protocol
from robustbench_cls.metrics.scoring import all_metrics

PACKAGE = Path(robustbench_cls.__file__).parent

MAY_IMPORT = {
    "core": set(),
    "corruptions": {"core"},
    "data": {"core"},
    "models": {"core", "data"},
    "metrics": {"core"},
    "suites": {"core", "data"},
    "recipes": {"core", "corruptions", "data", "models"},
    "results": {"core", "corruptions", "metrics", "suites"},
    "builders": {"core", "corruptions", "data", "suites"},
    "evaluation": {"core", "corruptions", "data", "models", "metrics", "results", "suites"},
    "training": {"core", "data", "models", "recipes"},
    "report": {"core", "metrics", "results"},
    "bench": {"core", "corruptions", "data", "evaluation", "metrics", "models", "recipes", "results", "training"},
}
"""The layers that each layer may import, besides itself; `cli` and the demo may import everything."""

TORCH = {"data", "models", "training", "evaluation", "builders", "bench", "demo.py"}
NO_TORCH_MODULES = {"evaluation/suite_check.py", "data/label_spaces.py", "data/locate.py"}


def imported(path: Path) -> set[str]:
    """Every module that a file imports, lazily or not."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_imports_point_down(layer: str) -> None:
    for path in (PACKAGE / layer).rglob("*.py"):
        for name in imported(path):
            if not name.startswith("robustbench_cls."):
                continue
            inner = name.removeprefix("robustbench_cls.")
            allowed = MAY_IMPORT[layer] | {layer}
            assert any(inner == a or inner.startswith(f"{a}.") for a in allowed), f"{path} imports {name}"


TELLS_BY_NAME = {"suites", "corruptions", "bench", "core/corruption.py", "metrics/alexnet.py", "selfcheck.py"}
"""Where ImageNet-C's corruptions may be listed: everywhere else a suite's conditions say what they are."""


def test_no_room_tells_by_a_list_what_a_condition_is() -> None:
    lists = {"IMAGENET_C", "EXTRA", "GROUPS"}
    for path in PACKAGE.rglob("*.py"):
        relative = path.relative_to(PACKAGE)
        if relative.parts[0] in TELLS_BY_NAME or relative.as_posix() in TELLS_BY_NAME:
            continue
        used = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
        assert not used & lists, f"{relative} lists corruptions: ask the suite's conditions"


@pytest.mark.parametrize("layer", ["report", "cli", "results", "evaluation"])
def test_no_room_lists_metrics(layer: str) -> None:
    """Two metrics in one tuple, list, set or dictionary are a list of metrics; suites say what they measure."""
    names = set(all_metrics())
    for path in (PACKAGE / layer).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            elements = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
            named = {e.value for e in elements if isinstance(e, ast.Constant) and e.value in names}
            columns = named <= {"nll", "brier", "error"}  # also names of columns of results
            assert len(named) < 2 or columns, f"{path}:{node.lineno} lists metrics {named}"


def test_every_folder_is_a_layer() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(MAY_IMPORT) | {"cli"}


def test_torch_stays_in_its_layers() -> None:
    for path in PACKAGE.rglob("*.py"):
        uses = {name.partition(".")[0] for name in imported(path)} & {"torch", "timm", "torchvision"}
        layer = path.relative_to(PACKAGE).parts[0]
        lazy_recipe = layer == "recipes" and "torch" not in uses
        relative = path.relative_to(PACKAGE).as_posix()
        assert not uses or lazy_recipe or (layer in TORCH and relative not in NO_TORCH_MODULES), f"{path}: {uses}"


@pytest.mark.parametrize("code", ["import robustbench_cls", "from robustbench_cls.report import page"])
def test_no_torch_at_import(code: str) -> None:
    check = f"{code}; import sys; sys.exit(any(m in sys.modules for m in ('torch', 'timm', 'cv2')))"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0


@pytest.mark.parametrize("arguments", [["--help"], ["list"]])
def test_command_line_starts_without_torch(arguments: list[str]) -> None:
    check = (
        f"import sys; sys.argv = ['robust', *{arguments}]\n"
        "from robustbench_cls.cli.main import robust\n"
        "robust.main(standalone_mode=False)\n"
        "sys.exit(any(m in sys.modules for m in ('torch', 'timm', 'pandas', 'cv2')))"
    )
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_public_names_are_complete_and_alphabetical() -> None:
    names = robustbench_cls.__all__
    assert names == sorted(names)
    for name in names:
        assert getattr(robustbench_cls, name).__doc__, f"{name} has no docstring"


def test_every_option_is_on_one_side() -> None:
    from robustbench_cls import EvaluationOptions, TrainingOptions

    for options in (EvaluationOptions, TrainingOptions):
        for field in fields(options):
            assert field.metadata.get("side") in {"identity", "runtime"}, (
                f"{options.__name__}.{field.name} is on no side"
            )


def identity() -> RunIdentity:
    text = {f.name: f.name for f in fields(RunIdentity)}
    return RunIdentity(
        **{**text, "suite_version": 1, "limit": 0, "seed": 0, "protocol": Protocol(256, 224, "bilinear")}
    )


def test_every_identity_field_changes_the_digest() -> None:
    own = identity()
    others = {"suite_version": 2, "limit": 5, "seed": 1, "protocol": Protocol(232, 224, "bilinear")}
    for field in fields(RunIdentity):
        other = replace(own, **{field.name: others.get(field.name, "other")})
        assert other.digest() != own.digest(), field.name
        assert len(own.differences(other)) == 1


def test_every_protocol_field_changes_the_digest() -> None:
    own = identity()
    for field in fields(Protocol):
        other = replace(own, protocol=replace(own.protocol, **{field.name: "other"}))
        assert other.digest() != own.digest(), field.name


def test_no_registry_or_machine_is_named() -> None:
    root = Path(__file__).parents[1]
    hosts = re.compile("pypi" + r"\.org|pythonhosted|/" + "work/|/" + "root/")
    texts = [*root.glob("*.md"), *root.glob("*/README.md"), *root.glob("robustbench_cls/**/*.py")]
    for path in [*texts, root / "pyproject.toml"]:
        assert not hosts.search(path.read_text()), path
