"""Two processes of torchrun train as one does, and a job goes on with another number of them."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
import torch

from robustbench_cls.models.checkpoint import read_checkpoint
from robustbench_cls.training.options import TrainingOptions
from robustbench_cls.training.train import train

EPOCHS = 17
"""Of three steps each: 51 in all."""

SETTINGS = {"epochs": EPOCHS, "batch_size": 10, "input_size": 32, "optimizer": "sgd", "lr": 0.2, "drop_path": 0.0}


def torchrun(
    toy: Path, out: Path, processes: int, settings: dict[str, object], recipe: str = "baseline", *more: str
) -> "subprocess.Popen[str]":
    words: Sequence[str] = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    program = ["-m", "robustbench_cls.cli.main", "train", "--model", "test_vit", "--recipe", recipe, "--data", str(toy)]
    return subprocess.Popen(
        [*command, *program, "--device", "cpu", "--workers", "0", "--out", str(out), *words, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=out.parent,
    )


def finished(process: "subprocess.Popen[str]") -> tuple[str, str]:
    told, complained = process.communicate(timeout=300)
    assert process.returncode == 0, complained[-3000:]
    return told, complained


def apart(first: Path, second: Path) -> float:
    """The greatest difference of two checkpoints' weights."""
    one, two = (read_checkpoint(path)[1] for path in (first, second))
    return max(float((one[name] - two[name]).abs().max()) for name in one)


@pytest.mark.slow
def test_two_processes_learn_as_one_after_fifty_steps(toy: Path, tmp_path: Path) -> None:
    told, complained = finished(torchrun(toy, tmp_path / "two", 2, {**SETTINGS, "micro_batch": 5}, "cutmix"))
    options = TrainingOptions(
        data=toy, overrides={**SETTINGS, "micro_batch": 5}, out=tmp_path / "one", workers=0, crops=None, progress=False
    )
    train("test_vit", "cutmix", options)
    assert apart(tmp_path / "one/last.pt", tmp_path / "two/last.pt") < 1e-5
    assert told.count("of the held-out training images are right") == 1  # one process speaks
    assert complained.count("Loading PyTorch") == 1
    logs = [pd.read_csv(tmp_path / name / "log.csv") for name in ("one", "two")]
    assert logs[0]["images"].tolist() == logs[1]["images"].tolist() == [30] * EPOCHS
    assert logs[0]["minival_top1_accuracy"].tolist() == logs[1]["minival_top1_accuracy"].tolist()
    assert (logs[0]["train_loss"] - logs[1]["train_loss"]).abs().max() < 1e-5
    untouched = TrainingOptions(
        data=toy, overrides=SETTINGS, out=tmp_path / "whole", workers=0, crops=None, progress=False
    )
    train("test_vit", "baseline", untouched)
    assert apart(tmp_path / "whole/last.pt", tmp_path / "two/last.pt") > 1e-3


def test_a_job_goes_on_with_one_process_after_two(toy: Path, tmp_path: Path) -> None:
    """Without a micro-batch in the settings, two processes cut a step in two, and one process goes on doing so."""
    short = {**SETTINGS, "epochs": 6}
    process = torchrun(toy, tmp_path / "two", 2, short)
    log = tmp_path / "two" / "log.csv"
    while process.poll() is None and not (log.is_file() and len(log.read_text().splitlines()) > 2):
        pass
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    options = TrainingOptions(
        data=toy, overrides=short, out=tmp_path / "two", workers=0, device="cpu", crops=None, progress=False
    )
    train("test_vit", "baseline", options)
    about, _, state = read_checkpoint(tmp_path / "two" / "last.pt")
    assert about.settings["micro_batch"] == 5 and state["reached"]["step"] == 18


@pytest.mark.slow
def test_a_process_that_dies_ends_the_job_and_its_work_is_kept(toy: Path, tmp_path: Path) -> None:
    process = torchrun(toy, tmp_path / "two", 2, {**SETTINGS, "epochs": 400})
    log = tmp_path / "two" / "log.csv"
    while process.poll() is None and not (log.is_file() and len(log.read_text().splitlines()) > 2):
        pass
    found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    os.kill(int(found[-1]), signal.SIGKILL)
    _, complained = process.communicate(timeout=300)
    assert process.returncode != 0 and "Signal 9" in complained
    assert read_checkpoint(tmp_path / "two" / "last.pt")[0].epoch >= 2


@pytest.mark.slow
def test_more_processes_than_a_step_has_micro_batches(toy: Path, tmp_path: Path) -> None:
    process = torchrun(toy, tmp_path / "two", 2, {**SETTINGS, "micro_batch": 10})
    _, complained = process.communicate(timeout=120)
    assert "2 processes share a step of 10 images in micro-batches of 10, so some would have nothing" in complained


@pytest.mark.slow
def test_seeds_are_trained_side_by_side(toy: Path, tmp_path: Path) -> None:
    words = [word for name, value in {**SETTINGS, "epochs": 1}.items() for word in ("--set", f"{name}={value}")]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    program = ["-m", "robustbench_cls.cli.main", "train", "--model", "test_vit", "--data", str(toy), "--seeds", "3"]
    subprocess.run(
        [*command, *program, "--device", "cpu", "--workers", "0", *words], cwd=tmp_path, check=True, timeout=200
    )
    seeds = [read_checkpoint(tmp_path / f"reports/runs/test_vit-baseline-s{seed}/best.pt")[0].seed for seed in range(3)]
    assert seeds == [0, 1, 2]
    assert torch.distributed.is_available()
