"""The log of a training: the same in each run, and apart from it how long it took."""

import json
import math
from pathlib import Path

import pandas as pd
import pytest

from robustbench_cls.training.log import overfit_from, write_log, write_timing


def rows(training: list[float], held_out: list[float]) -> list[dict[str, float]]:
    return [
        {
            "epoch": number,
            "images": 30,
            "lr": 0.1,
            "train_loss": loss,
            "minival_loss": other,
            "minival_top1_accuracy": 0.5,
            "minival_top5_accuracy": 1.0,
        }
        for number, (loss, other) in enumerate(zip(training, held_out, strict=True), start=1)
    ]


@pytest.mark.parametrize(
    ("training", "held_out", "epoch"),
    [
        ([3, 2, 1, 0.5], [2.0, 1.0, 1.04, 1.06], 4),
        ([3, 2, 1, 0.5], [2.0, 1.0, 1.04, 1.05], None),
        ([3, 2, 2.5, 2.4], [2.0, 1.0, 1.2, 1.3], 4),
        ([3, 2, 2.5, 2.6], [2.0, 1.0, 1.2, 1.3], None),
        ([3, 2, 1], [math.nan] * 3, None),
        ([3, 2, 1], [math.nan, 1.0, 1.2], 3),
        ([3], [1.0], None),
        ([], [], None),
    ],
)
def test_overfitting_begins_where_the_held_out_loss_rises_and_the_other_falls(
    training: list[float], held_out: list[float], epoch: int | None
) -> None:
    assert overfit_from(rows(training, held_out)) == epoch


def test_both_logs_hold_the_same(tmp_path: Path) -> None:
    history = rows([2.0, 1.0], [math.nan, 1 / 3])
    write_log(tmp_path, history)
    table = pd.read_csv(tmp_path / "log.csv")
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert table["minival_loss"].iloc[1] == lines[1]["minival_loss"] == 1 / 3
    assert lines[0]["minival_loss"] is None and math.isnan(table["minival_loss"].iloc[0])
    assert {path.name for path in tmp_path.iterdir()} == {"log.csv", "log.jsonl", "curves.png"}


def test_an_epoch_that_is_trained_again_has_one_row_of_times(tmp_path: Path) -> None:
    for epoch, seconds in ((1, 5.0), (2, 6.0), (3, 7.0), (2, 8.0)):
        write_timing(tmp_path, {"epoch": epoch, "seconds": seconds})
    table = pd.read_csv(tmp_path / "timing.csv")
    assert table["epoch"].tolist() == [1, 2] and table["seconds"].tolist() == [5.0, 8.0]
    (tmp_path / "timing.csv").write_text("")
    write_timing(tmp_path, {"epoch": 4, "seconds": 1.0})
    assert pd.read_csv(tmp_path / "timing.csv")["epoch"].tolist() == [4]
