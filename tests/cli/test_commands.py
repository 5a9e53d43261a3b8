"""The commands as a user runs them: real data, messages read, a process each or all in this one."""

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pandas as pd
import pytest
import torch
from click.testing import CliRunner, Result

from robustbench_cls.cli.main import main
from robustbench_cls.cli.main import robust as program
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.recipe import Regimen
from robustbench_cls.corruptions.engine import all_corruptions
from robustbench_cls.models.checkpoint import read_checkpoint


def robust(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "robustbench_cls.cli.main", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def here(*arguments: object) -> Result:
    """The same in this process, where PyTorch is imported once, and in its working folder."""
    result = CliRunner().invoke(program, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def test_train_eval_report(toy: Path, tmp_path: Path) -> None:
    small = ["--set", "epochs=1", "--set", "batch_size=12", "--set", "input_size=32", "--workers", 0]
    trained = robust("train", "--recipe", "cutmix", "--model", "test_vit", "--data", toy, *small, cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert "img/s" in trained.stderr
    checkpoint = tmp_path / "reports/runs/test_vit-cutmix-s0/best.pt"
    assert f"Next: robust eval --suite cifar-10-c --data {toy} " in trained.stdout
    accuracy = read_checkpoint(checkpoint)[0].top1_accuracy
    assert (
        f"{accuracy:.1%} of the held-out training images are right after epoch 1, the best of at most 1. "
        "They chose the weights: measure these on other images." in trained.stdout
    )
    assert "Its weights: reports/runs/test_vit-cutmix-s0/best.pt\nThis took 0:00:" in trained.stdout
    assert not (tmp_path / "reports/runs/test_vit-cutmix-s0/imagenet").exists()
    suites = ["--suite", "imagenet", "--suite", "imagenet-a", "--suite", "stylized-imagenet"]
    measured = robust("eval", *suites, "--data", toy, "--workers", 0, "--backend", "torch", checkpoint, cwd=tmp_path)
    assert measured.returncode == 0, measured.stderr
    assert "Top-1 accuracy" in measured.stdout
    assert "n=12" in measured.stdout
    again = robust("eval", *suites, "--data", toy, "--backend", "torch", checkpoint, "--json", cwd=tmp_path)
    scores = json.loads(again.stdout)
    assert {s["suite"] for s in scores} == {"imagenet", "imagenet-a", "stylized-imagenet"}
    reported = robust("report", "reports/runs/test_vit-cutmix-s0", "--out", "page.html", cwd=tmp_path)
    assert reported.returncode == 0, reported.stderr
    assert "test_vit-cutmix-s0" in (tmp_path / "page.html").read_text()
    assert (tmp_path / "page.csv").read_text().count("\n") == len(scores) + 1


def test_results_lie_beside_the_checkpoint_and_runs_of_one_name_are_told_apart_in_words(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["--set", "epochs=1", "--set", "batch_size=12", "--set", "input_size=32", "--workers", 0]
    for lr in ("0.01", "0.02"):
        trained = here(
            "train", "--model", "test_resnet", "--data", toy, "--out", f"sweep/{lr}", "--set", f"lr={lr}", *small
        )
        next_line = trained.stdout.rstrip().splitlines()[-1].removeprefix("Next: robust ")
        here(*shlex.split(next_line), "--suite", "imagenet", "--limit", 6, "--workers", 0)
        assert Path(f"sweep/{lr}/imagenet/run.json").is_file()
    assert not Path("reports/runs").exists()
    here("report", "sweep", "--out", "page.html")
    models = set(pd.read_csv("page.csv").model)
    assert models == {"test_resnet-baseline-s0 (lr 0.01)", "test_resnet-baseline-s0 (lr 0.02)"}


def test_a_run_has_the_name_that_the_user_gives_it(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["--set", "epochs=1", "--set", "batch_size=12", "--set", "input_size=32", "--workers", 0]
    here("train", "--model", "test_resnet", "--data", toy, "--name", "quick", *small)
    arguments = ["eval", "--suite", "imagenet", "--data", toy, "--workers", 0, "reports/runs/quick/best.pt"]
    assert here(*arguments).stdout.startswith("\nquick on imagenet")
    assert here(*arguments, "--name", "other", "--out", "o").stdout.startswith("\nother on imagenet")


def test_list_shows_all_kinds() -> None:
    listed = json.loads(robust("list", "--json").stdout)
    assert [row["name"] for row in listed["corruptions"]][:3] == ["gaussian_noise", "shot_noise", "impulse_noise"]
    assert [row["name"] for row in listed["corruptions"]] == list(all_corruptions())
    assert {row["name"] for row in listed["suites"]} >= {"imagenet", "imagenet-c", "imagenet-a", "stylized-imagenet"}
    assert "cutmix" in robust("list", "recipes").stdout


def test_every_verb_has_help() -> None:
    shown = robust("--help").stdout
    for verb in ("data", "demo", "eval", "list", "report", "train"):
        assert f"  {verb} " in shown
        assert robust(verb, "--help").returncode == 0


def test_a_shard_says_what_others_have_still_to_do(
    toy: Path, toy_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["eval", "--suite", "imagenet", "--data", toy, "--batch-size", 4, "--backend", "torch", "--out", "r"]
    first = here(*arguments, "--shard", "1/2", toy_checkpoint)
    left = "1 of 1 conditions of imagenet wait for shard 2/2. The last shard to finish merges them."
    assert first.stdout == f"\nShard 1/2 is done. {left}\nAll shards need the same --batch-size.\n"
    assert "Partial: r/imagenet lacks 1 of 1 conditions." in here("report", "r").stdout
    second = here(*arguments, "--shard", "2/2", toy_checkpoint)
    assert "on imagenet (torch, float32)" in second.stdout and "Next: robust report r " in second.stdout
    assert "Partial" not in here("report", "r").stdout


def test_data_corrupt_says_where_and_what_next(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["data", "corrupt", "--data", toy, "--out", "tree", "--resize", 0, "--crop", 0, "--limit", 1]
    assert here(*arguments, "--corruptions", "contrast").stdout == "\nTree: tree\n"
    whole = here(*arguments)
    assert whole.stdout.splitlines()[1:] == [
        "Tree: tree",
        "Next: robust eval --suite imagenet-c --data tree CHECKPOINT",
        "To measure the clean images beside them: link or copy your val folder to tree/val, or test-*.parquet into "
        "tree, first.",
    ]


def test_data_corrupt_writes_arrays_of_the_variant_cifar(
    toy_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_folder: Callable[..., Path]
) -> None:
    monkeypatch.chdir(tmp_path)
    make_folder(tmp_path / "cifar10/val", count=1)
    arguments = ["data", "corrupt", "--data", "cifar10", "--variant", "cifar"]
    assert here(*arguments, "--out", "cifar-10-c").stdout.splitlines()[1:] == [
        "Arrays: cifar-10-c",
        "Next: robust eval --suite cifar-10-c --data cifar-10-c CHECKPOINT",
    ]
    assert "The clean images are needed beside them: link" in here(*arguments, "--out", "else/where").stdout
    refused = CliRunner().invoke(program, [*arguments, "--out", "d", "--limit", "1"])
    assert isinstance(refused.exception, UserError) and "leave --resize, --crop and --limit out" in str(
        refused.exception
    )
    told = here("eval", "--suite", "cifar-10-c", "--data", "cifar-10-c", "--out", "r", "--workers", 0, toy_checkpoint)
    assert "on cifar-10-c" in told.stdout


def test_what_comes_next_after_a_suite_of_ones_own_names_its_file(
    toy: Path, toy_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my suite.py").write_text(
        "from dataclasses import replace\n"
        "from robustbench_cls.core.metric import Metric\n"
        "from robustbench_cls.core.scopes import CONDITION\n"
        "from robustbench_cls.core.suite import Measure\n"
        "from robustbench_cls.suites.imagenet import SUITE as CLEAN\n"
        "METRIC = Metric(name='sureness', title='Sureness', scope=CONDITION, unit='fraction', higher_is_better=True,\n"
        "                source='https://example.org', compute=lambda sample: sample.mean('confidence')[:, 0])\n"
        "SUITE = replace(CLEAN, name='sure', measures=(Measure('sureness', 'clean'),))\n"
    )
    measured = here("eval", "--suite", "my suite.py", "--data", toy, "--out", "r", "--workers", 0, toy_checkpoint)
    assert "Sureness" in measured.stdout
    next_line = measured.stdout.rstrip().splitlines()[-1]
    assert next_line == "Next: robust report r --code 'my suite.py' --out reports/test_resnet-baseline-s0.html"
    monkeypatch.setattr("robustbench_cls.core.discovery._taken_in", {})
    bare = here("report", "r", "--out", "bare.html").stdout
    assert "Note: r/sure: the suite is about 'sureness', which no file here computes. Name the file that does" in bare
    assert "Note" not in here(*shlex.split(next_line)[2:]).stdout


def test_gallery_is_a_picture_of_the_kind_its_name_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here("data", "gallery", "--out", "g.png", "--side", 32)
    assert (tmp_path / "g.png").read_bytes().startswith(b"\x89PNG")


def test_a_batch_system_that_ends_a_training_gets_a_line(toy: Path, tmp_path: Path) -> None:
    small = ["--set", "epochs=500", "--set", "batch_size=12", "--set", "input_size=32", "--workers", "0"]
    arguments = ["train", "--model", "test_resnet", "--data", str(toy), "--out", str(tmp_path / "out"), *small]
    process = subprocess.Popen(
        [sys.executable, "-m", "robustbench_cls.cli.main", *arguments], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "out/best.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.terminate()
    _, told = process.communicate(timeout=60)
    assert process.returncode == 143
    assert told.rstrip().endswith("Stopped. What was finished is stored; start the same command again to go on.")
    assert "Traceback" not in told


def test_a_stopped_measurement_says_nothing_of_stored_work(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def stop(*given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("robustbench_cls.bench.statistics.bench_statistics", stop)
    monkeypatch.setattr("sys.argv", ["robust", "bench", "statistics"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130 and capsys.readouterr().err.endswith("\nStopped.\n")


def test_a_part_of_a_suite_on_several_checkpoints(
    toy: Path, toy_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["--data", toy, "--workers", 0, "--no-cache", "--backend", "torch", "--out", "r"]
    content = torch.load(toy_checkpoint, weights_only=True)
    content["about"]["name"] = "other"
    torch.save(content, "other.pt")
    part = ["--suite", "imagenet-c", "--corruptions", "fog,contrast", "--severities", "5,1"]
    told = here("eval", *part, *arguments, toy_checkpoint, "other.pt").stdout
    for model in ("test_resnet-baseline-s0", "other"):
        assert f"{model} on imagenet-c-fog-contrast-s15 (torch, float32)" in told
        stored = {path.stem for path in Path("r", model, "imagenet-c-fog-contrast-s15").glob("*.parquet")}
        assert stored == {"clean", "fog-1", "fog-5", "contrast-1", "contrast-5"}
    assert "Mean corruption error, unnormalised" in told and "mCE" not in told
    again = here("eval", *part, *arguments[:-1], "r/other", "other.pt").stdout.rstrip().splitlines()
    assert again[-1].split() == ["robust", "compare", "r/test_resnet-baseline-s0", "r/other"]
    compared = here(*again[-1].split()[1:]).stdout
    assert "within noise" in compared and "p: of no difference" in compared
    listed = json.loads(here("runs", "r", "--json").stdout)
    assert [(row["model"], row["images"]) for row in listed] == [("other", "all"), ("test_resnet-baseline-s0", "all")]
    assert all(row["headline"].startswith("Mean corruption error, unnormalised ") for row in listed)
    assert "test_resnet-baseline-s0  imagenet-c-fog-contrast-s15 on toy" in here("runs", "r").stdout


def test_two_models_of_one_name_in_one_folder(
    toy: Path, toy_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["eval", "--suite", "imagenet", "--data", toy, "--workers", 0, "--backend", "torch", "--out", "r"]
    told = CliRunner().invoke(program, [str(a) for a in (*arguments, toy_checkpoint, toy_checkpoint)])
    assert "Two of these models are called test_resnet-baseline-s0. What was measured" in str(told.exception)


def test_a_shard_says_so_beside_json_too(
    toy: Path, toy_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["eval", "--suite", "imagenet", "--data", toy, "--batch-size", 4, "--backend", "torch", "--out", "r"]
    told = here(*arguments, "--shard", "1/2", "--json", toy_checkpoint)
    assert json.loads(told.stdout) == [] and "1 of 1 conditions of imagenet wait for shard 2/2" in told.stderr


def test_settings_are_listed_with_type_and_default() -> None:
    rows = {
        row["name"]: row
        for row in json.loads(here("list", "settings", "--recipe", "cutmix", "--json").stdout)["settings"]
    }
    assert rows["alpha"]["type"] == "float" and rows["alpha"]["meaning"] == "of the recipe cutmix"
    assert {field.name for field in fields(Regimen)} == {*rows} - {"alpha"}
    assert all(row["meaning"] for row in rows.values())
    assert (rows["optimizer"]["resnet"], rows["optimizer"]["vit"]) == ("sgd", "adamw")
    told = here(
        "list", "settings", "--recipe", "mixup+randaugment", "--model", "deit_tiny_patch16_224", "--json"
    ).stdout
    of_model = {row["name"]: row["deit_tiny_patch16_224"] for row in json.loads(told)["settings"]}
    assert (of_model["optimizer"], of_model["alpha"]) == ("adamw", "0.2") and of_model["config"].startswith("rand-")


def test_a_report_leaves_out_a_training_without_results(
    toy: Path, toy_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("only").mkdir()
    Path("only/last.pt").touch()
    here("eval", "--suite", "imagenet", "--data", toy, "--out", "r", "--no-cache", "--workers", 0, toy_checkpoint)
    told = here("report", "only", "r", "--out", "page.html")
    assert "only holds a training and no results yet, so it is left out. Measure it: robust eval." in told.stderr
    assert Path("page.html").is_file()
