import json
import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from identities import IDENTITY

from robustbench_cls.cli.main import robust
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.origin import Origin
from robustbench_cls.core.run import Circumstances
from robustbench_cls.core.suite import Measure, Suite
from robustbench_cls.metrics.interval import of_difference
from robustbench_cls.metrics.significance import mcnemar
from robustbench_cls.report.caveats import COPIES
from robustbench_cls.report.collect import collect
from robustbench_cls.report.comparison import Comparison, Difference, compare_runs
from robustbench_cls.report.ranking import rank
from robustbench_cls.report.verdict import in_words
from robustbench_cls.results.manifest import find_runs, open_run
from robustbench_cls.results.store import StoredRun, as_table
from robustbench_cls.suites.imagenet_c import SUITE as IMAGENET_C

STEMS = ("fog-1", "fog-2", "snow-1", "snow-2")

SUITE = replace(IMAGENET_C, conditions=tuple(c for c in IMAGENET_C.conditions if c.stem in STEMS))
"""ImageNet-C with two corruptions at two severities; it has no mCE, so the next measure leads."""


def stored(
    folder: Path,
    right_by_stem: dict[str, list[int]],
    suite: Suite = SUITE,
    dataset: str = "",
    **changes: object,
) -> StoredRun:
    identity = replace(IDENTITY, model=folder.name, suite=suite.name, **changes)
    told = Circumstances(dataset=dataset)
    run = StoredRun(folder / identity.suite, identity, suite, imagenet=False, circumstances=told)
    open_run(run)
    for condition in run.all_conditions:
        if condition.stem in right_by_stem:
            right_N = np.array(right_by_stem[condition.stem], bool)
            frame = pd.DataFrame({"image_id": [f"i{i}" for i in range(len(right_N))], "correct": right_N})
            numbers = {"label": 0, "top5": True, "confidence": 0.5, "nll": 1.0, "brier": 0.1}
            answers = {"prediction": ~right_N, "head_prediction": ~right_N, "head_correct": right_N}
            run.write(condition, as_table(frame.assign(**numbers, **answers)))
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


def compared(a: Path, b: Path) -> tuple[Comparison, list[str]]:
    """Of two folders with one suite in common."""
    (comparison,), notes = compare_runs(find_runs(a), find_runs(b))
    return comparison, notes


def errors(comparison: Comparison) -> dict[tuple[str, int], Difference]:
    names = ("error", "corruption_error_unnormalised", "mean_corruption_error_unnormalised")
    return {(d.condition, d.severity): d for d in comparison.differences if d.metric in names}


def test_differences_by_hand(two: tuple[Path, Path]) -> None:
    comparison, notes = compared(*two)
    by_place = errors(comparison)
    assert not notes
    assert comparison.suite == "imagenet-c"
    assert [d.metric for d in comparison.shown][:2] == ["mean_corruption_error_unnormalised", "worst_condition_error"]
    assert [(d.metric, d.condition) for d in comparison.by_corruption] == [
        ("corruption_error_unnormalised", "snow"),
        ("corruption_error_unnormalised", "fog"),
    ]
    assert len(by_place) == 1 + 2 * 3 + 1
    clean, fog, fog_1, everything = (by_place[p] for p in (("clean", 0), ("fog", 0), ("fog", 1), ("all", 0)))
    assert (clean.value_a, clean.value_b, clean.difference, clean.only_a, clean.only_b) == (0, 0.25, 0.25, 1, 0)
    assert (fog_1.difference, fog_1.only_a, fog_1.only_b, fog_1.n) == (-0.25, 1, 2, 4)
    assert (fog.value_a, fog.value_b, fog.only_a, fog.only_b) == (0.625, 0.625, 2, 2)
    assert everything.difference == pytest.approx((-0.25 + 0.25 + 0 - 0.5) / 4)
    assert fog_1.p == mcnemar(1, 2) == 1.0
    assert all(d.low <= d.difference <= d.high for d in by_place.values())
    assert {d.verdict for d in by_place.values()} == {"within noise"}


def test_a_run_does_not_differ_from_itself(two: tuple[Path, Path]) -> None:
    comparison, notes = compared(two[0], two[0])
    assert notes == ["imagenet-c: both are the same run of the same model"]
    told = {(d.difference, d.low, d.high, d.p, d.only_a, d.only_b) for d in comparison.differences}
    assert told == {(0.0, 0, 0, 1.0, 0, 0)}


def test_models_that_never_differ_leave_room_for_a_few_images(tmp_path: Path) -> None:
    right = {"clean": [1, 0, 1, 1], "fog-1": [1, 1, 0, 0]}
    for name in ("c", "d"):
        stored(tmp_path / name, right)
    comparison, _ = compared(tmp_path / "c", tmp_path / "d")
    fog = errors(comparison)["fog", 1]
    half = 1 - 0.025 ** (1 / 4)  # Clopper and Pearson's bound of none in four
    assert fog.difference == 0 and (fog.low, fog.high) == pytest.approx((-half, half)) and fog.verdict == "within noise"
    assert {d.unit for d in comparison.differences} >= {"fraction", "nats", "number", "difference"}
    assert all(d.low < 0 < d.high and d.verdict == "within noise" for d in comparison.differences)
    by_metric = {(d.metric, d.condition, d.severity): d for d in comparison.differences}
    assert by_metric["brier", "fog", 1].high == pytest.approx(2 * half)
    unbounded = {d.metric for d in comparison.differences if np.isinf(d.low) or np.isinf(d.high)}
    assert unbounded == {"nll"}
    rows = json.loads(
        CliRunner().invoke(robust, ["compare", str(tmp_path / "c"), str(tmp_path / "d"), "--json"]).stdout
    )
    assert {(row["low"], row["high"]) for row in rows if row["metric"] == "nll"} == {(None, None)}


def test_what_is_beyond_noise_and_what_is_not_in_words(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    easy, hard = (rng.random(400) < share for share in (0.8, 0.5))
    noise = rng.permutation(easy)  # as many right, other ones
    first = {"clean": easy, "fog-1": easy, "fog-2": easy, "snow-1": easy, "snow-2": easy}
    stored(tmp_path / "a", {stem: list(right) for stem, right in first.items()})
    second = {**first, "fog-1": hard, "fog-2": hard, "snow-1": noise, "snow-2": easy}
    stored(tmp_path / "b", {stem: list(right) for stem, right in second.items()})
    comparison, _ = compared(tmp_path / "a", tmp_path / "b")
    by_place = errors(comparison)
    assert by_place["fog", 0].verdict == "A better" and by_place["fog", 0].low > 0.1
    assert by_place["snow", 0].verdict == "within noise"
    assert by_place["fog", 1].p == mcnemar(by_place["fog", 1].only_a, by_place["fog", 1].only_b) < 1e-6
    assert by_place["fog", 1].p_holm > by_place["fog", 1].p
    words = in_words(comparison)
    assert re.match(
        r"On imagenet-c, B's mean corruption error \(unnormalised\) is 12\.\d\d percentage points higher than A's "
        r"\(95 % interval of the difference \+\d+\.\d\d to \+1\d\.\d\d, n = 400 images in each condition\)\. "
        r"The interval does not contain 0: this is beyond noise\. By corruption, after Holm's correction for 2 "
        r"comparisons: B better on 0, A better on 1 \(fog\), within noise on 1 \(snow\)\.$",
        words,
    ), words


def test_runs_measured_in_two_ways_are_refused(tmp_path: Path, two: tuple[Path, Path]) -> None:
    stored(tmp_path / "c", {"fog-1": [1]}, limit=500, protocol=replace(IDENTITY.protocol, jpeg_quality=0))
    with pytest.raises(
        UserError, match=r"not measured alike \(JPEG quality 85 and no JPEG step; limit all images and 500"
    ):
        compare_runs(find_runs(two[0]), find_runs(tmp_path / "c"))


def test_the_same_model_in_another_number_type_compares(tmp_path: Path, two: tuple[Path, Path]) -> None:
    stored(tmp_path / "c", {"fog-1": [1, 1, 1, 1]}, precision="bfloat16", backend="openvino")
    comparison, notes = compared(two[0], tmp_path / "c")
    assert [(d.condition, d.difference) for d in comparison.differences if d.metric == "error"] == [("fog", -0.5)]
    assert notes == [
        "imagenet-c: the two were run otherwise: precision float32 and bfloat16",
        "imagenet-c: the two were run otherwise: backend torch and openvino",
        "imagenet-c: 1 of 5 conditions are in both",
    ]


def test_other_images_and_other_suites(tmp_path: Path, two: tuple[Path, Path]) -> None:
    stored(tmp_path / "c", {"fog-1": [1, 1]})
    with pytest.raises(UserError, match="are about other images"):
        compare_runs(find_runs(two[0]), find_runs(tmp_path / "c"))
    stored(tmp_path / "d", {}, suite=replace(SUITE, name="imagenet-a"))
    with pytest.raises(UserError, match="no suite in common: imagenet-c; imagenet-a"):
        compare_runs(find_runs(two[0]), find_runs(tmp_path / "d"))


def test_a_folder_of_several_models_is_refused(two: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"both imagenet-c\. Name one model's folder"):
        compare_runs(find_runs(tmp_path), find_runs(two[1]))


def test_on_the_command_line(two: tuple[Path, Path], tmp_path: Path) -> None:
    shown = CliRunner().invoke(robust, ["compare", *map(str, two), "--csv", str(tmp_path / "d.csv")]).output
    line = re.search(r"^fog +62\.50 +62\.50 +\+0\.00 +-\S+ \.\. \+\S+ +1\.000 +2 +2 +within noise$", shown, re.M)
    assert line, shown
    assert "The interval contains 0, so this is within noise." in shown
    table = pd.read_csv(tmp_path / "d.csv")
    told = json.loads(CliRunner().invoke(robust, ["compare", *map(str, two), "--json"]).stdout)
    assert len(table) == len(told) > 50
    facts = {"verdict", "higher_is_better", "limit", "seed", "data", "backend_a", "protocol_b", "model_a", "weights_b"}
    assert {*told[0]} == {*table} >= {field.name for field in fields(Difference)} | facts
    assert told[0]["protocol_a"].startswith("resize 256; crop 224; ")
    (clean,) = [row for row in told if row["metric"] == "error" and row["condition"] == "clean"]
    assert (clean["n"], clean["value_a"], clean["value_b"], clean["only_a"], clean["only_b"]) == (4, 0.0, 0.25, 1, 0)


def test_a_partial_run_gives_no_sentence_about_the_whole(two: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "b/imagenet-c/snow-2.parquet").unlink()
    comparison, notes = compared(*two)
    assert "imagenet-c: 4 of 5 conditions are in both" in notes
    assert not [d for d in comparison.differences if d.condition in ("all", "snow") and not d.severity]
    assert in_words(comparison).startswith("On imagenet-c (clean images), B's top-1 accuracy is 25.00 ")
    (tmp_path / "b/imagenet-c/clean.parquet").unlink()
    comparison, _ = compared(*two)
    assert "too few conditions are in both" in in_words(comparison)
    for path in (tmp_path / "b/imagenet-c").glob("*.parquet"):
        path.unlink()
    with pytest.raises(UserError, match="no measured condition in common"):
        compare_runs(find_runs(two[0]), find_runs(two[1]))


def test_the_sentence_and_the_table_judge_alike(tmp_path: Path) -> None:
    right = np.ones(40, bool)
    worse = right.copy()
    worse[:5] = False
    for name, clean in (("c", worse), ("d", right)):
        stored(tmp_path / name, {"clean": list(clean)})
    comparison, _ = compared(tmp_path / "c", tmp_path / "d")
    rows = {d.metric: d for d in comparison.differences}
    assert rows["error"].p == rows["top1_accuracy"].p == mcnemar(0, 5) == 0.0625
    lead = comparison.shown[0]
    assert (lead.metric, lead.undecided, lead.verdict) == ("top1_accuracy", False, "within noise")
    assert "The interval does not contain 0, but p is 0.062, so this is within noise." in in_words(comparison)


def test_the_interval_of_a_difference_holds_the_difference() -> None:
    differences_R = np.append(-0.01, np.linspace(-0.06, -0.04, 100))  # resamples so biased that twice it passes 0
    low, high = of_difference(differences_R, 100, lambda: (0.0, 1.0))
    assert low == pytest.approx(-0.0595, abs=1e-3) and high > 0


def test_measures_of_the_suite_lead_and_unknown_ones_are_named(tmp_path: Path) -> None:
    own = replace(SUITE, measures=(Measure("of_my_own"), Measure("group_error", "weather")))
    for name, right in (("c", [1, 0, 1, 1]), ("d", [1, 0, 0, 1])):
        stored(tmp_path / name, dict.fromkeys(("clean", *STEMS), right), own, dataset="shapes")
    comparison, notes = compared(tmp_path / "c", tmp_path / "d")
    assert comparison.suite == "imagenet-c on shapes"
    assert [(d.metric, d.condition) for d in comparison.shown] == [("group_error", "weather")]
    assert in_words(comparison).startswith(
        "On imagenet-c on shapes (weather images), B's mean error of a group is 25.00 "
    )
    (note,) = notes
    assert note.startswith("imagenet-c on shapes: the suite is about 'of_my_own'") and "--code" in note


def test_more_than_two_are_ranked_beside_the_first(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    best = rng.random(200) < 0.9
    for name, right in {"a": best, "b": best & (rng.random(200) < 0.6), "c": best & (np.arange(200) != 3)}.items():
        stored(tmp_path / name, {key: list(right) for key in ("clean", *STEMS)})
    stored(tmp_path / "d", {"clean": list(best)})
    folders = [tmp_path / name for name in "bcda"]
    (ranking,), _ = rank(folders)
    assert (ranking.measure.metric, ranking.incomplete) == ("mean_corruption_error_unnormalised", ("d",))
    assert [one.model for one in ranking.models] == ["a", "c", "b"]
    first, second, third = ranking.models
    assert first.gap is None and not second.gap.beyond_noise and third.gap.beyond_noise and third.gap.value > 20
    told = CliRunner().invoke(robust, ["compare", *map(str, folders)]).stdout
    assert re.search(r"\n 2 c .* level with the first\n 3 b .* behind\n   d lacks conditions", told), told
    rows = json.loads(CliRunner().invoke(robust, ["compare", *map(str, folders), "--json"]).stdout)
    assert [(row["rank"], row["model"], row["level_with_first"]) for row in rows] == [
        (1, "a", True),
        (2, "c", True),
        (3, "b", False),
    ]
    assert rows[2]["difference_from_first"] == pytest.approx(rows[2]["value"] - rows[0]["value"])


def test_seeds_of_one_recipe_are_one_group_of_a_ranking(build) -> None:
    for seed in range(3):
        origin = Origin("resnet50", recipe="cutmix", seed=seed, settings={"lr": 0.1})
        root = build(f"cutmix-{seed}", "imagenet", origin=origin).folder.parent
    (ranking,), _ = rank([root])
    (row,) = ranking.seeds
    assert (row.recipe, row.seeds) == ("resnet50, cutmix", 3)
    assert "resnet50, cutmix: mean" in CliRunner().invoke(robust, ["compare", str(root), str(root), str(root)]).stdout


def test_an_interval_that_is_not_corrected_is_marked(two: tuple[Path, Path], tmp_path: Path) -> None:
    right = np.ones(40, bool)
    worse = right.copy()
    worse[:5] = False
    for name, clean in (("c", worse), ("d", right)):
        stored(tmp_path / name, {"clean": list(clean)})
    told = CliRunner().invoke(robust, ["compare", str(tmp_path / "c"), str(tmp_path / "d")]).stdout
    assert re.search(r"Top-1 accuracy \(%\), clean .*\*  0\.062 .* within noise\n", told), told


def test_copies_of_one_identity_with_other_results_are_told_of(build, tmp_path: Path) -> None:
    one = build("a", "imagenet")
    other = build("a", "imagenet", alter=lambda frame: frame.assign(confidence=0.5))
    _, notes = compare_runs(find_runs(one.folder), find_runs(other.folder))
    assert notes == ["imagenet: " + COPIES]
    assert any(COPIES in note and str(other.folder) in note for note in collect([one.folder, other.folder]).notes)
    same = build("a", "imagenet")
    _, notes = compare_runs(find_runs(one.folder), find_runs(same.folder))
    assert notes == ["imagenet: both are the same run of the same model"]
    assert not collect([one.folder, same.folder]).notes
