"""Commands before they import PyTorch: each finds mistakes, and says what it begins."""

import json
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

OLD = Path(__file__).parents[1] / "old"
PROGRAM = Path(__file__).with_name("without_torch.py")

EVAL = ("eval", "--suite", "imagenet", "--data", "toy")
TRAIN = ("train", "--model", "test_vit", "--data", "toy")

MISTAKES: list[tuple[Sequence[str], str]] = [
    (["trian"], "There is no command 'trian'. Did you mean train"),
    (["train", "--recipe", "cutmx"], "Unknown recipe 'cutmx'. Did you mean cutmix?"),
    (["train", "--recipe", "gone.py"], "There is no recipe file gone.py"),
    (["train", "--model", "resnet5"], "timm has no model 'resnet5'. Did you mean"),
    (["train", "--model", "hf-hub:someone/else"], "timm has no model 'hf-hub:someone/else'"),
    (["train", "--model", "local-dir:toy"], "timm has no model 'local-dir:toy'"),
    (["train"], "There is no data set datasets/imagenet"),
    ([*TRAIN, "--data", "toy/val"], "toy/val has no train/ folder"),
    ([*TRAIN, "--set", "epochs"], "--set takes KEY=VALUE, got 'epochs'"),
    ([*TRAIN, "--set", "epoch=4"], "no setting 'epoch'. Did you mean epochs"),
    ([*TRAIN, "--set", "epochs=many"], "--set epochs takes a whole number such as 300, got 'many'"),
    ([*TRAIN, "--set", "epochs=0"], "--set epochs must be at least 1, got 0"),
    ([*TRAIN, "--set", "lr=inf"], "--set lr must be a finite number"),
    ([*TRAIN, "--set", "input_size=100000"], "--set input_size must be at most 8192"),
    ([*TRAIN, "--recipe", "cutmix", "--set", "alpha=x"], "--set alpha takes a number such as 1.0, got 'x'"),
    ([*TRAIN, "--precision", "int8"], "Unknown precision 'int8'. Known: auto, float32, bfloat16, float16."),
    ([*TRAIN, "--device", "gpu"], "Device 'gpu' can't be used here (PyTorch knows no such device). Use --device cpu."),
    ([*TRAIN, "--workers", "300"], "--workers must lie in 0..256, got 300"),
    ([*TRAIN, "--seed", "9" * 90], "A training (model, recipe and seed)'s name is made of"),
    ([*TRAIN, "--out", "x" * 300], "File name too long"),
    ([*TRAIN, "--out", "file"], "Can't write into file: "),
    ([*TRAIN, "--out", "file/run"], "Can't write into file/run: "),
    (["eval", "--suite", "imagenet-d", "old.pt"], "Unknown suite 'imagenet-d'. Did you mean imagenet-c, imagenet-a or"),
    (["eval", "--suite", "empty-suite", "old.pt"], "There is a file empty_suite.py here: name it with its ending"),
    ([*EVAL, "--corruptions", "fog", "old.pt"], "--corruptions and --severities are for suites that corrupt images"),
    (
        [*EVAL, "--suite", "imagenet-c", "--corruptions", "fgo", "old.pt"],
        "'imagenet-c' has no corruption 'fgo'. It has",
    ),
    ([*EVAL, "--suite", "imagenet-c", "--severities", "1,9", "old.pt"], "'imagenet-c' has no severity 9. It has [1, 2"),
    ([*EVAL, "--suite", "imagenet-c", "--severities", "x", "old.pt"], "--severities takes numbers such as 1,3,5"),
    (["eval", "--suite", "gone.py", "old.pt"], "There is no suite file gone.py"),
    (["eval", "--suite", "mine.py", "old.pt"], "mine.py must define exactly one Suite, found 0"),
    (["eval", "--suite", "empty_suite.py", "--data", "toy", "old.pt"], "Suite 'empty' has no conditions"),
    (["eval", "--suite", "imagenet"], "Name either a CHECKPOINT"),
    ([*EVAL, "x.pt"], "There is no checkpoint or model file x.pt"),
    ([*EVAL, "toy"], "toy is a folder. Name the checkpoint in it, such as toy/best.pt"),
    ([*EVAL, "--weights", "old.pt", "old.pt"], "old.pt describes itself; --weights, --class-names"),
    ([*EVAL, "--model", "resnt50"], "timm has no model 'resnt50'. Did you mean"),
    ([*EVAL, "--model", "resnet50."], "timm has no model 'resnet50.'"),
    ([*EVAL, "--model", "mine.py"], "Name the function in mine.py that returns the model"),
    ([*EVAL, "--model", "gone.py:make"], "There is no file gone.py"),
    ([*EVAL, "--model", "resnet50", "--weights", "w.pth"], "There is no file w.pth"),
    ([*EVAL, "--model", "resnet50", "--weights", "w.safetensors"], "There is no file w.safetensors"),
    ([*EVAL, "--class-names", "gone.txt", "--model", "resnet50"], "gone.txt can't be read as a list of class names"),
    ([*EVAL, "--class-names", "twice.txt", "--model", "resnet50"], "twice.txt must hold each class name once"),
    ([*EVAL, "--device", "cuda0", "old.pt"], "Device 'cuda0' can't be used here"),
    ([*EVAL, "--backend", "openvino", "old.pt"], "pip install 'robustbench-cls[openvino]'"),
    ([*EVAL, "--backend", "onnxruntime", "--precision", "bfloat16", "old.pt"], "onnxruntime runs in float32 only"),
    ([*EVAL, "--shard", "3/2", "old.pt"], "--shard takes I/N"),
    ([*EVAL, "--limit", "-5", "old.pt"], "--limit must be 0 or more"),
    ([*EVAL, "--batch-size", "0", "old.pt"], "--batch-size 1 or more (and at most 1,000,000,000), got 0, 0"),
    ([*EVAL, "--batch-size", "9" * 400, "old.pt"], "--batch-size 1 or more (and at most 1,000,000,000)"),
    ([*EVAL, "--limit", "9" * 400, "old.pt"], "--limit must be 0 or more"),
    ([*TRAIN, "--set", f"batch_size={'9' * 400}"], "--set batch_size must be at most 1,000,000,000"),
    ([*EVAL, "--workers", "-1", "old.pt"], "--workers must lie in 0..256, got -1"),
    ([*EVAL, "--data", "nowhere", "old.pt"], "There is no folder nowhere"),
    (["eval", "--suite", "imagenet-a", "old.pt"], "Suite 'imagenet-a' expects class folders in datasets/imagenet-a"),
    ([*EVAL, "--suite", "imagenet-a", "--data", "few", "old.pt"], "Suite 'imagenet-a' reads few/a, which is not there"),
    ([*EVAL, "--out", "file", "old.pt"], "Can't write into file: "),
    ([*EVAL, "--out", "runs/old", "--limit", "3", "old.pt"], "runs/old/imagenet holds another run (limit: "),
    ([*EVAL, "--out", "runs/old", "--seed", "7", "old.pt"], "runs/old/imagenet holds another run ("),
    ([*EVAL, "--name", "a/b", "old.pt"], "A model's name is made of letters"),
    ([*TRAIN, "--name", "../x"], "A training's name is made of letters"),
    ([*EVAL, "--input-size", "9", "old.pt"], "--input-size must be 32 to 8192 px, got 9"),
    ([*EVAL, "--mean", "a,b", "--model", "test_vit"], "--mean and --std take numbers such as 0.485"),
    ([*EVAL, "--mean", "0.5,0.5", "--model", "test_vit"], "--mean takes three numbers"),
    ([*EVAL, "--std", "0", "--model", "test_vit"], "--std must not be 0"),
    ([*EVAL, "--std", "0.5", "old.pt"], "old.pt says itself how images are shown to it"),
    ([*EVAL, "--interpolation", "cubic", "--model", "test_vit"], "Unknown interpolation 'cubic'"),
    ([*EVAL, "--model", "x" * 300], "File name too long"),
    ([*EVAL, "caf\udce9.pt"], "The name caf\\udce9.pt is not UTF-8"),
    (["bench", "eval"], "Name either a CHECKPOINT or a --model"),
    (["bench", "eval", "--model", "test_vit", "--suite", "imagenet"], "'imagenet' corrupts nothing"),
    (["bench", "eval", "--model", "test_vi", "--data", "toy"], "timm has no model 'test_vi'. Did you mean test_vit"),
    (["bench", "eval", "--model", "test_vit", "--workers", "-1"], "--workers must lie in 0..256, got -1"),
    (["bench", "eval", "--model", "test_vit", "--data", "nowhere"], "There is no folder nowhere"),
    (["bench", "eval", "gone.pt"], "There is no checkpoint or model file gone.pt"),
    (["bench", "corruptions", "--corruptions", "snwo"], "Unknown corruption 'snwo'. Did you mean snow"),
    (["data", "shapes", "--out", "x", "--train", "0"], "at least 1"),
    (["data", "corrupt", "--data", "toy", "--out", "x", "--corruptions", "fog,snwo"], "Did you mean snow"),
    (["data", "shapes", "--out", "/dev/null"], "Can't write into /dev/null: /dev/null is no folder"),
    (["data", "gallery", "--out", "g.gif"], ".jpg or .png"),
    (["list", "settings", "--recipe", "cutmx"], "Unknown recipe 'cutmx'. Did you mean cutmix"),
    (["runs", "nowhere"], "No results in nowhere"),
    (["report", "nowhere"], "No results in nowhere"),
    (["compare", "nowhere", "runs"], "No results in nowhere"),
]

BEGINNINGS: list[Sequence[str]] = [
    TRAIN,
    [*TRAIN, "--model", "vit_base_patch16_224_in21k", "--out", "new/run"],
    [*EVAL, "old.pt"],
    [*EVAL, "--model", "resnet50.a1_in1k", "--json", "--out", "new/run"],
    [*EVAL, "--model", "torchvision:resnet18"],
    [*EVAL, "--model", "mine.py:make"],
    ["bench", "eval", "old.pt", "--data", "toy"],
    ["bench", "corruptions"],
    ["bench", "data"],
    ["bench", "statistics"],
    ["data", "corrupt", "--data", "toy", "--out", "tree"],
]
"""Commands without a mistake that need PyTorch."""


@pytest.fixture(scope="module")
def place(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with the files that the command lines name."""
    root = tmp_path_factory.mktemp("start")
    (root / "toy").symlink_to(toy)
    (root / "few").mkdir()
    (root / "few" / "val").symlink_to(toy / "val")
    (root / "old.pt").symlink_to(OLD / "checkpoint.pt")
    (root / "file").touch()
    (root / "twice.txt").write_text("cat\ncat\n")
    (root / "mine.py").write_text("def make(): ...\n")
    (root / "empty_suite.py").write_text(
        "from dataclasses import replace\nfrom robustbench_cls.suites.imagenet import SUITE as ONE\n"
        "SUITE = replace(ONE, name='empty', conditions=())\n"
    )
    with tarfile.open(OLD / "runs.tar.xz") as archive:
        archive.extractall(root / "runs", filter="data")
    return root


def told(place: Path, lines: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """The findings of `without_torch.py` on each command line."""
    asked = json.dumps([list(line) for line in lines])
    result = subprocess.run([sys.executable, PROGRAM], input=asked, capture_output=True, text=True, cwd=place)
    assert result.returncode == 0, result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout)
    assert len(found) == len(lines)
    return found


def test_a_mistake_is_told_in_a_line_before_pytorch_is_imported(place: Path) -> None:
    before = sorted(place.rglob("*"))
    for (line, message), found in zip(MISTAKES, told(place, [line for line, _ in MISTAKES]), strict=True):
        what = f"{' '.join(line)}\n{found['stderr']}"
        assert not found["torch"], what
        assert found["code"] == 2, what
        assert message in found["stderr"], what
        assert "Traceback" not in found["stderr"], what
        assert len(found["stderr"].strip().splitlines()) <= 4, what
    assert sorted(place.rglob("*")) == before


def test_a_command_says_what_it_begins_before_it_imports_pytorch(place: Path) -> None:
    for line, found in zip(BEGINNINGS, told(place, BEGINNINGS), strict=True):
        what = f"{' '.join(line)}\n{found['stderr']}"
        assert found["torch"], what
        assert found["stderr"].startswith("robust: ") and found["stderr"].count("\n") == 1, what
        assert found["stdout"] == "", what


def test_stored_results_are_read_without_pytorch(place: Path) -> None:
    first, second, *_ = sorted(path.parent.parent for path in (place / "runs").rglob("run.json"))
    reported, compared, listed, shaped = told(
        place,
        [
            ["report", "runs", "--out", "page.html"],
            ["compare", str(first), str(second), "--json"],
            ["list", "--json"],
            ["data", "shapes", "--out", "new/shapes", "--train", "2", "--val", "1"],
        ],
    )
    for found in (reported, compared, listed, shaped):
        assert (found["code"], found["torch"]) == (0, False), found["stderr"]
    assert (place / "page.html").stat().st_size > 10_000
    assert json.loads(compared["stdout"])[0].keys() >= {"suite", "metric", "difference"}
    assert {"suites", "recipes"} <= json.loads(listed["stdout"]).keys()
    assert (place / "new" / "shapes" / "train").is_dir()
    assert all(found["stderr"].startswith("robust: ") for found in (reported, compared, shaped))
