import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from identities import IDENTITY

from robustbench_cls.cli.main import robust
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.suite import Condition
from robustbench_cls.evaluation.store import StoredRun, as_table, find_runs, open_run
from robustbench_cls.report.comparison import compare_runs

CONDITIONS = tuple(Condition(name, severity) for name in ("fog", "snow") for severity in (1, 2))


def stored(folder: Path, right_by_stem: dict[str, list[int]], **changes: object) -> StoredRun:
    identity = replace(IDENTITY, model=folder.name, **changes)
    run = StoredRun(folder / identity.suite, identity, CONDITIONS, Condition("clean"), False, {})
    open_run(run)
    for condition in run.all_conditions:
        if condition.stem in right_by_stem:
            right_N = np.array(right_by_stem[condition.stem], bool)
            frame = pd.DataFrame({"image_id": [f"i{i}" for i in range(len(right_N))], "correct": right_N})
            numbers = {"label": 0, "prediction": 0, "top5": True, "confidence": 0.5, "nll": 1.0, "brier": 0.1}
            run.write(condition, as_table(frame.assign(**numbers, head_prediction=0, head_correct=right_N)))
    return run


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    stored(
        tmp_path / "a",
        {
            "clean": [1, 1, 1, 1],
            "fog-1": [1, 1, 0, 0],
            "fog-2": [1, 0, 0, 0],
            "snow-1": [1, 1, 1, 1],
            "snow-2": [0, 0, 0, 0],
        },
    )
    stored(
        tmp_path / "b",
        {
            "clean": [1, 1, 1, 0],
            "fog-1": [0, 1, 1, 1],
            "fog-2": [0, 0, 0, 0],
            "snow-1": [1, 1, 1, 1],
            "snow-2": [1, 1, 0, 0],
        },
    )
    return tmp_path / "a", tmp_path / "b"


def test_differences_by_hand(two: tuple[Path, Path]) -> None:
    differences, notes = compare_runs(find_runs(two[0]), find_runs(two[1]))
    by_place = {(d.condition, d.severity): d for d in differences}
    assert not notes
    assert len(differences) == 1 + 2 * 3 + 1
    clean, fog, fog_1, everything = (by_place[p] for p in (("clean", 0), ("fog", 0), ("fog", 1), ("all", 0)))
    assert (clean.error_a, clean.error_b, clean.difference, clean.worse, clean.better) == (0, 0.25, 0.25, 1, 0)
    assert (fog_1.difference, fog_1.worse, fog_1.better, fog_1.n) == (-0.25, 1, 2, 4)
    assert (fog.error_a, fog.error_b, fog.worse, fog.better) == (0.625, 0.625, 2, 2)
    assert everything.difference == pytest.approx((-0.25 + 0.25 + 0 - 0.5) / 4)


def test_a_run_does_not_differ_from_itself(two: tuple[Path, Path]) -> None:
    differences, notes = compare_runs(find_runs(two[0]), find_runs(two[0]))
    assert notes == ["imagenet-c: both are the same run of the same model"]
    assert {(d.difference, d.worse, d.better) for d in differences} == {(0.0, 0, 0)}


def test_runs_measured_in_two_ways_are_refused(tmp_path: Path, two: tuple[Path, Path]) -> None:
    stored(tmp_path / "c", {"fog-1": [1]}, limit=500, protocol=replace(IDENTITY.protocol, jpeg_quality=0))
    with pytest.raises(
        UserError, match=r"not measured alike \(JPEG quality 85 and no JPEG step; limit all images and 500"
    ):
        compare_runs(find_runs(two[0]), find_runs(tmp_path / "c"))


def test_the_same_model_in_another_number_type_compares(tmp_path: Path, two: tuple[Path, Path]) -> None:
    stored(tmp_path / "c", {"fog-1": [1, 1, 1, 1]}, precision="bfloat16", backend="openvino")
    differences, notes = compare_runs(find_runs(two[0]), find_runs(tmp_path / "c"))
    assert [(d.condition, d.difference) for d in differences] == [("fog", -0.5)]
    assert notes == [
        "imagenet-c: precision float32 and bfloat16",
        "imagenet-c: backend torch and openvino",
        "imagenet-c: 1 of 5 conditions are in both",
    ]


def test_other_images_and_other_suites(tmp_path: Path, two: tuple[Path, Path]) -> None:
    stored(tmp_path / "c", {"fog-1": [1, 1]})
    with pytest.raises(UserError, match="are about other images"):
        compare_runs(find_runs(two[0]), find_runs(tmp_path / "c"))
    stored(tmp_path / "d", {}, suite="imagenet-a")
    with pytest.raises(UserError, match="no suite in common: imagenet-c; imagenet-a"):
        compare_runs(find_runs(two[0]), find_runs(tmp_path / "d"))


def test_a_folder_of_several_models_is_refused(two: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"both imagenet-c\. Name one model's folder"):
        compare_runs(find_runs(tmp_path), find_runs(two[1]))


def test_on_the_command_line(two: tuple[Path, Path], tmp_path: Path) -> None:
    shown = CliRunner().invoke(robust, ["compare", *map(str, two), "--csv", str(tmp_path / "d.csv")]).output
    assert "fog                    62.50   62.50   +0.00             2             2       4" in shown
    assert len(pd.read_csv(tmp_path / "d.csv")) == 8
    told = json.loads(CliRunner().invoke(robust, ["compare", *map(str, two), "--json"]).output)
    assert told[0] == {
        "suite": "imagenet-c",
        "condition": "clean",
        "severity": 0,
        "n": 4,
        "error_a": 0.0,
        "error_b": 0.25,
        "difference": 0.25,
        "worse": 1,
        "better": 0,
    }
