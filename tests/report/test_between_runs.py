"""The page about several runs together: baseline, held-out corruptions, seeds, effective robustness."""

import re
import statistics
from collections.abc import Callable
from dataclasses import replace

import pytest
from stored_runs import suite_named

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.metric import Score
from robustbench_cls.core.origin import Origin
from robustbench_cls.core.suite import Condition, Measure
from robustbench_cls.report.block import block
from robustbench_cls.report.collect import collect
from robustbench_cls.report.section import ReportData
from robustbench_cls.report.sections import corruptions, effective_robustness, seeds, summary
from robustbench_cls.results.store import StoredRun

Build = Callable[..., StoredRun]


def of(data: ReportData, metric: str, model: str, condition: str = "all") -> Score:
    (own,) = (s for s in data.scores if (s.metric, s.model, s.condition, s.severity) == (metric, model, condition, 0))
    return own


def metrics(data: ReportData) -> set[str]:
    return {score.metric for score in data.scores}


def test_ce_against_a_baseline_on_any_classes(build: Build) -> None:
    first, second = (build(model, imagenet=False) for model in ("a", "bbbbb"))
    data = collect([first.folder, second.folder], second.folder)
    assert not [s for s in data.scores if s.model == "bbbbb" and "against" in s.metric]  # 100, whatever it answers
    other = of(data, "mce_against_baseline", "a")
    assert other.low < other.value < other.high and abs(other.value - 100) > 1
    assert "mce" not in metrics(data)
    assert "mCE against the baseline" in summary.render(data)
    assert "mce_against_baseline" not in metrics(collect([first.folder]))


def test_a_baseline_of_other_suites_is_refused(build: Build) -> None:
    run, other = build("a", "few"), build("b", "imagenet")
    with pytest.raises(UserError, match="on no suite in the same way"):
        collect([run.folder], other.folder)


def test_means_over_held_out_corruptions_have_an_interval(build: Build) -> None:
    plain = build("plain")
    augmented = build(
        "augmented",
        origin=Origin(
            overlaps=(
                "fog",
                "contrast",
            )
        ),
    )
    data = collect([plain.folder, augmented.folder])
    for model in ("plain", "augmented"):  # over the same corruptions for both
        held_out = of(data, "held_out_error", model)
        kept = [name for name in data.columns[0].counted if name not in ("fog", "contrast")]
        own = [of(data, "corruption_error_unnormalised", model, name).value for name in kept]
        assert held_out.value == pytest.approx(statistics.mean(own))
        assert held_out.low < held_out.value < held_out.high
        assert of(data, "held_out_mce", model).n == 40
    assert f"Mean of {len(kept)} held out" in corruptions.render(data)
    assert "held_out_error" not in metrics(collect([plain.folder]))
    held_out_cells = block(data.columns[0], [Measure("held_out_error")], data).rows["augmented"]
    assert [cell.marks for cell in held_out_cells] == [""]  # none of these corruptions is in the recipe


def seeded(build: Build, seed: int, recipe: str = "cutmix", epochs: int = 5, **given: object) -> StoredRun:
    origin = Origin("resnet18", recipe=recipe, settings={"epochs": epochs}, data="d", seed=seed, weights=f"{seed}.pt")
    return build(f"resnet18-{recipe}-s{seed}", **{"suite": "few", **given}, origin=origin)


def test_seeds_of_one_recipe_stand_together_and_their_spread_apart_from_noise(build: Build) -> None:
    runs = [seeded(build, seed) for seed in (0, 1, 2)]
    alone = [seeded(build, 0, "mixup"), seeded(build, 3, epochs=6), build("other", "few")]
    data = collect([run.folder for run in (*runs, *alone)])
    (column,) = data.columns
    assert [[entry.model for entry in own] for own in seeds.groups(column)] == [[r.identity.model for r in runs]]
    rows = [row for row in seeds.rows(column, data.table) if row.metric == "Mean corruption error, unnormalised"]
    assert seeds.rows(column, data.table)[0] == rows[0]  # mCE needs more corruptions, so the next measure leads
    errors = [100 * of(data, "mean_corruption_error_unnormalised", run.identity.model).value for run in runs]
    assert rows[0].mean == f"{statistics.mean(errors):.1f}" and rows[0].seeds == 3 and rows[0].n == 40
    assert rows[0].spread == f"{statistics.stdev(errors):.1f}"
    assert float(rows[0].within) > 1
    assert "Between seeds, s.d." in seeds.render(data)


def test_one_seed_or_a_partial_run_makes_no_table(build: Build) -> None:
    runs = [seeded(build, 0), build("resnet18-cutmix-s1", "few", leave_out=[Condition("fog", 2)])]
    assert seeds.render(collect([run.folder for run in runs])) == ""


def test_seeds_show_small_numbers_with_their_decimals(build: Build) -> None:
    measured = replace(suite_named("few"), measures=(Measure("mean_nll"),))
    data = collect([seeded(build, seed, suite=measured).folder.parent for seed in (0, 1)])
    (row,) = seeds.rows(data.columns[0], data.table)
    mean = statistics.mean(of(data, "mean_nll", model).value for model in data.models)
    assert row.mean == f"{mean:.3f}"


def test_effective_robustness_of_three_models_and_none_of_two(build: Build) -> None:
    runs = [build(model, "few") for model in ("a", "bb", "ccc", "dddd")]
    data = collect([run.folder for run in runs])
    found = {run.identity.model: of(data, "effective_robustness", run.identity.model) for run in runs}
    assert all(score.low <= score.value <= score.high for score in found.values())
    assert min(score.value for score in found.values()) < 0 < max(score.value for score in found.values())
    html = effective_robustness.render(data)
    assert html.count("<svg") == 1 and re.search(r">dddd<", html)
    two = collect([run.folder for run in runs[:2]])
    assert effective_robustness.render(two) == "" and "effective_robustness" not in metrics(two)


def test_effective_robustness_is_of_the_corruptions_that_count(build: Build) -> None:
    whole = suite_named("few")
    marked = replace(whole, conditions=tuple(replace(c, counted=c.name != "fog") for c in whole.conditions))
    data = collect([build(model, marked).folder for model in ("a", "bb", "ccc")])
    (column,) = data.columns
    for point in effective_robustness.points(column, data.table):
        errors = [s.value for s in data.scores if s.model == point.model and s.metric == "error" and s.severity]
        counted = [of(data, "corruption_error_unnormalised", point.model, n).value for n in ("shot_noise", "contrast")]
        assert len(errors) == len(whole.conditions)
        assert point.shifted == pytest.approx(1 - statistics.mean(counted)) != 1 - statistics.mean(errors)


def test_names_are_escaped(build: Build) -> None:
    hostile = "<script>x</script>"
    runs = [build(f"{hostile}{i * 'x'}", "few") for i in range(3)]
    runs += [build(f"{hostile}-s{s}", "few", origin=Origin(hostile, recipe=hostile, seed=s)) for s in (0, 1)]
    data = collect([run.folder for run in runs])
    for section in (seeds, effective_robustness):
        html = section.render(data)
        assert html and "<script" not in html
