"""What the page says of several runs together: baseline, held-out corruptions, seeds, effective robustness."""

import re
import statistics
from collections.abc import Callable
from pathlib import Path

import pytest

from robustbench_cls.core.corruption import IMAGENET_C
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.suite import Condition
from robustbench_cls.report.collect import collect
from robustbench_cls.report.labels import columns
from robustbench_cls.report.section import ReportData
from robustbench_cls.report.sections import corruptions, effective_robustness, seeds, summary
from robustbench_cls.report.values import score_table
from robustbench_cls.results.store import StoredRun

Build = Callable[..., StoredRun]


def of(data: ReportData, metric: str, model: str, condition: str = "all") -> dict[str, float]:
    scores = data.scores
    own = scores[(scores.metric == metric) & (scores.model == model) & (scores.condition == condition)]
    (row,) = own.to_dict("records")
    return row


def test_ce_against_a_baseline_on_any_classes(build: Build) -> None:
    first, second = (build(model, imagenet=False) for model in ("a", "bbbbb"))
    data = collect([first.folder, second.folder], second.folder)
    itself = of(data, "mce_against_baseline", "bbbbb")
    assert (itself["value"], itself["low"], itself["high"]) == pytest.approx((100, 100, 100))
    other = of(data, "mce_against_baseline", "a")
    assert other["low"] < other["value"] < other["high"] and abs(other["value"] - 100) > 1
    assert "mce" not in set(data.scores.metric)
    assert "mCE against the baseline" in summary.render(data)
    assert "mce_against_baseline" not in set(collect([first.folder]).scores.metric)


def test_a_baseline_of_other_suites_is_refused(build: Build) -> None:
    run, other = build("a", few=True), build("b", "imagenet")
    with pytest.raises(UserError, match="on no suite in the same way"):
        collect([run.folder], other.folder)


def test_means_over_held_out_corruptions_have_an_interval(build: Build) -> None:
    plain = build("plain")
    augmented = build("augmented", provenance={"recipe_overlaps": ["fog", "contrast"]})
    data = collect([plain.folder, augmented.folder])
    for model in ("plain", "augmented"):  # over the same corruptions for both
        held_out = of(data, "held_out_error", model)
        own = [of(data, "corruption_error_unnormalised", model, name)["value"] for name in IMAGENET_C]
        kept = [e for name, e in zip(IMAGENET_C, own, strict=True) if name not in ("fog", "contrast")]
        assert held_out["value"] == pytest.approx(statistics.mean(kept))
        assert held_out["low"] < held_out["value"] < held_out["high"]
        assert of(data, "held_out_mce", model)["n"] == 40
    assert "Mean of 13 held out" in corruptions.render(data)
    assert "held_out_error" not in set(collect([plain.folder]).scores.metric)


def seeded(build: Build, seed: int, recipe: str = "cutmix", **changes: object) -> StoredRun:
    told = {"architecture": "resnet18", "recipe": recipe, "settings": {"epochs": 5}, "training_data": "d"}
    return build(f"resnet18-{recipe}-s{seed}", few=True, provenance={**told, "training_seed": seed, **changes})


def test_seeds_of_one_recipe_stand_together_and_their_spread_apart_from_noise(build: Build) -> None:
    runs = [seeded(build, seed) for seed in (0, 1, 2)]
    alone = [seeded(build, 0, "mixup"), seeded(build, 3, settings={"epochs": 6}), build("other", few=True)]
    data = collect([run.folder for run in (*runs, *alone)])
    (column,) = columns(data.runs)
    table = score_table(data.scores)
    assert [[entry.model for entry in own] for own in seeds.groups(column)] == [[r.identity.model for r in runs]]
    rows = seeds.rows(column, table)
    assert [row.metric for row in rows] == ["Mean corruption error, unnormalised", "Top-1 accuracy, clean"]
    errors = [100 * of(data, "mean_corruption_error_unnormalised", run.identity.model)["value"] for run in runs]
    assert rows[0].mean == f"{statistics.mean(errors):.1f}" and rows[0].seeds == 3 and rows[0].n == 40
    assert rows[0].spread == f"{statistics.stdev(errors):.1f}"
    assert float(rows[0].within) > 1
    assert "Between seeds, s.d." in seeds.render(data)


def test_one_seed_or_a_partial_run_makes_no_table(build: Build) -> None:
    runs = [seeded(build, 0), build("resnet18-cutmix-s1", few=True, leave_out=[Condition("fog", 2)])]
    assert seeds.render(collect([run.folder for run in runs])) == ""


def test_effective_robustness_of_three_models_and_none_of_two(build: Build, tmp_path: Path) -> None:
    runs = [build(model, few=True) for model in ("a", "bb", "ccc", "dddd")]
    data = collect([run.folder for run in runs])
    found = {run.identity.model: of(data, "effective_robustness", run.identity.model) for run in runs}
    assert all(score["low"] <= score["value"] <= score["high"] for score in found.values())
    assert min(score["value"] for score in found.values()) < 0 < max(score["value"] for score in found.values())
    html = effective_robustness.render(data)
    assert html.count("<svg") == 1 and re.search(r">dddd<", html)
    two = collect([run.folder for run in runs[:2]])
    assert effective_robustness.render(two) == "" and "effective_robustness" not in set(two.scores.metric)


def test_names_are_escaped(build: Build) -> None:
    hostile = "<script>x</script>"
    runs = [build(f"{hostile}{i * 'x'}", few=True) for i in range(3)]
    told = {"architecture": hostile, "recipe": hostile, "settings": {}, "training_data": "d"}
    runs += [build(f"{hostile}-s{s}", few=True, provenance={**told, "training_seed": s}) for s in (0, 1)]
    data = collect([run.folder for run in runs])
    for section in (seeds, effective_robustness):
        html = section.render(data)
        assert html and "<script" not in html
