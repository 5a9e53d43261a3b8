"""Promises of every metric, over all that are discovered."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from drawn_predictions import ALL_75, CLEAN, answered, drawn, stimuli

from robustbench_cls.core.corruption import EXTRA, IMAGENET_C, SEVERITIES
from robustbench_cls.core.errors import NotApplicable
from robustbench_cls.core.metric import Metric, Score
from robustbench_cls.core.predictions import Predictions
from robustbench_cls.core.sample import Sample
from robustbench_cls.core.suite import Condition, Measure, Suite, graded
from robustbench_cls.corruptions.engine import in_groups
from robustbench_cls.metrics.alexnet import CLEAN_ERROR, ERRORS
from robustbench_cls.metrics.interval import BOUNDS
from robustbench_cls.metrics.scoring import all_metrics, score, shown
from robustbench_cls.suites import cue_conflict, imagenet_c

METRICS = all_metrics()
CONTAINED = frozenset({"fog", "snow"})

MEASURES = imagenet_c.SUITE.measures


def sample_for(
    metric: Metric, predictions: Predictions, resamples: int = 50, baseline: Predictions | None = None
) -> Sample:
    """The first place at which the metric has a value, the clean images apart."""
    if metric.name == "shape_bias":
        return Sample.of(stimuli(predictions), resamples)
    sample = Sample.of(predictions, resamples, baseline or drawn(0.5, seed=99), CONTAINED)
    return next(place.sample for place in metric.scope.places(sample) if place.where != CLEAN.name)


def scored(predictions: Predictions, **options: Any) -> tuple[list[Score], list[str]]:
    return score("m", "imagenet-c", predictions, MEASURES, **options)


def sure(predictions: Predictions, confidence: float) -> Predictions:
    columns = {**predictions.columns, "confidence": np.full_like(predictions.columns["confidence"], confidence)}
    return replace(predictions, columns=columns)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_perfect_beats_wrong_in_its_stated_direction(metric: Metric) -> None:
    right, wrong = (sure(drawn(share), 0.99) for share in (1.0, 0.0))
    if metric.name == "flip_consistency":
        jumping = (wrong.columns["prediction"] + np.arange(75)[:, None]).astype(np.int32)
        wrong = replace(wrong, columns={**wrong.columns, "prediction": jumping})
    if metric.name.startswith("mean_confidence"):  # on images that have no right answer
        right, wrong = sure(right, 0.1), sure(wrong, 0.9)
    perfect, worst = (metric.compute(sample_for(metric, p))[0] for p in (right, wrong))
    assert perfect > worst if metric.higher_is_better else perfect < worst


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_image_order_does_not_matter(metric: Metric) -> None:
    whole = drawn(0.6)

    def turned(p: Predictions) -> Predictions:
        columns = {name: values[:, ::-1] for name, values in p.columns.items()}
        return replace(p, image_ids=p.image_ids[::-1], columns=columns)

    other = replace(turned(whole), reference=turned(whole.reference) if whole.reference else None)
    ours, theirs = (metric.compute(sample_for(metric, p)) for p in (whole, other))
    assert theirs[0] == pytest.approx(ours[0], abs=1e-12)
    assert np.std(theirs[1:]) == pytest.approx(np.std(ours[1:]), rel=0.6, abs=1e-9)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_one_value_a_draw_the_first_of_the_images_as_they_are(metric: Metric) -> None:
    whole = drawn(0.6)
    values_R = metric.compute(sample_for(metric, whole))
    assert values_R.shape == (51,) and values_R.dtype == np.float64
    assert np.isfinite(values_R).all() and np.std(values_R[1:]) > 0
    alone = metric.compute(sample_for(metric, whole, 0))
    assert alone == pytest.approx([values_R[0]], abs=1e-12)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_a_draw_is_worth_its_images(metric: Metric) -> None:
    """A metric says of a draw what it would say of the images drawn, bins of images apart."""
    whole = drawn(0.6, images=60)

    def of_draw(p: Predictions) -> Predictions:
        ids = tuple(f"{i}" for i in range(60))
        return replace(p, image_ids=ids, columns={name: values[:, drawn_N] for name, values in p.columns.items()})

    def both(p: Predictions) -> Predictions:
        return replace(of_draw(p), reference=of_draw(p.reference) if p.reference else None)

    if metric.name in ("adaptive_ece", "rms_calibration_error_published"):
        pytest.skip("its bins are cut on the images as they are")
    baseline = drawn(0.5, seed=99, images=60)
    sample = sample_for(metric, whole, baseline=baseline)
    drawn_N = np.repeat(np.arange(60), sample.counts_NR[:, 7])
    expected = metric.compute(sample_for(metric, both(whole), 0, both(baseline)))[0]
    tolerance = 0.01 if metric.name == "aurra" else 1e-6  # copies of an image count together
    assert metric.compute(sample)[7] == pytest.approx(expected, rel=1e-5, abs=tolerance)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_source_is_an_address(metric: Metric) -> None:
    assert metric.source.startswith("https://")


def value(scores: list[Score], name: str, condition: str = "all") -> float:
    (found,) = [s.value for s in scores if s.metric == name and s.condition == condition]
    return found


def test_every_score_lies_in_its_interval_and_the_interval_in_its_bounds() -> None:
    scores, _ = scored(drawn(0.5), baseline=drawn(0.4, seed=1), overlaps=CONTAINED)
    of_stimuli, _ = score("m", "cue-conflict", stimuli(drawn(0.5)), cue_conflict.SUITE.measures)
    assert {s.metric for s in (*scores, *of_stimuli)} == set(METRICS)
    assert "shape_bias" not in {s.metric for s in scores}  # only where a suite asks for it
    for s in scores:
        low, high = BOUNDS.get(s.unit, (-np.inf, np.inf))
        assert low <= s.low < s.high <= high
        biased = "ece" in s.metric or "calibration" in s.metric or "worst" in s.metric
        assert biased or s.low <= s.value <= s.high, s


def test_alexnet_scores_100_in_ce_mce_and_relative_mce() -> None:
    images = 20000

    def answers(error: float) -> np.ndarray:
        return np.arange(images) >= round(error * images)

    whole = answered(np.array([answers(ERRORS[c.name][c.severity - 1]) for c in ALL_75]), ALL_75)
    clean = answered(answers(CLEAN_ERROR)[None], [CLEAN])
    sample = Sample.of(replace(whole, reference=clean), 0)
    for name in ("mce", "relative_mce"):
        assert METRICS[name].compute(sample)[0] == pytest.approx(100, abs=0.05)
    for name in ("fog", "snow"):
        own = sample.only([c for c in ALL_75 if c.name == name])
        assert METRICS["ce"].compute(own)[0] == pytest.approx(100, abs=0.05)
        assert METRICS["relative_ce"].compute(own)[0] == pytest.approx(100, abs=0.05)
    unnormalised = np.mean([e for name in IMAGENET_C for e in ERRORS[name]])
    found = METRICS["mean_corruption_error_unnormalised"].compute(sample)[0]
    assert found == pytest.approx(unnormalised, abs=1e-4)


def test_a_model_that_answers_like_the_baseline_scores_100_but_may_differ_on_other_images() -> None:
    scores, _ = scored(drawn(0.5), baseline=drawn(0.5))
    (found,) = [s for s in scores if s.metric == "mce_against_baseline"]
    assert found.value == pytest.approx(100)
    assert found.low < 99 and found.high > 101


def test_a_baseline_without_errors_or_conditions_is_no_measure() -> None:
    _, notes = scored(drawn(0.5), baseline=drawn(1.0))
    assert any("makes next to no errors" in note for note in notes)
    _, notes = scored(drawn(0.5), baseline=drawn(0.5, ALL_75[:5]))
    assert any("lacks 70 of these conditions, shot_noise-1 among them" in note for note in notes)


def test_other_classes_have_no_mce_and_the_note_says_why() -> None:
    scores, notes = scored(replace(drawn(0.5), imagenet=False))
    wide = {s.metric for s in scores if s.condition == "all" and s.severity == 0}
    assert "mean_corruption_error_unnormalised" in wide
    assert not [name for name in wide if METRICS[name].baseline]
    assert sum("relative mCE are relative to AlexNet" in note for note in notes) == 1  # once for all of them


def test_a_partial_run_has_no_mce_and_the_note_names_what_is_missing() -> None:
    whole = drawn(0.5, [c for c in ALL_75 if c.name != "snow"])
    scores, notes = scored(replace(whole, missing=tuple(Condition("snow", s) for s in SEVERITIES)))
    assert not [s for s in scores if s.condition in ("all", "weather")]
    assert any("partial, 5 conditions missing: snow-1" in note for note in notes)
    with pytest.raises(NotApplicable, match="missing: snow"):
        METRICS["mce"].compute(Sample.of(whole, 0))
    assert value(scores, "ce", "fog") > 0


def test_no_clean_images_no_relative_mce_and_no_drop() -> None:
    whole = replace(drawn(0.5), reference=None)
    with pytest.raises(NotApplicable, match="clean images"):
        METRICS["relative_mce"].compute(Sample.of(whole, 0))
    scores, _ = scored(whole)
    assert "accuracy_drop" not in {s.metric for s in scores}


def test_extras_do_not_enter_the_unnormalised_mean() -> None:
    extras = in_groups([Condition(name, s) for name in EXTRA for s in SEVERITIES])
    correct_CN = np.random.default_rng(0).random((75, 200)) < 0.5
    wrong_CN = np.zeros((20, 200), bool)
    both = answered(np.concatenate([correct_CN, wrong_CN]), ALL_75 + extras)
    metric = METRICS["mean_corruption_error_unnormalised"]
    alone, with_extras = (
        metric.compute(place.sample)
        for p in (answered(correct_CN, ALL_75), both)
        for place in metric.scope.places(Sample.of(p, 20))
    )
    assert with_extras == pytest.approx(alone)


def test_n_is_that_of_the_images() -> None:
    whole = drawn(0.5)
    other = answered(np.ones((1, 33), bool), [CLEAN])
    scores, _ = scored(replace(whole, reference=other))
    assert {s.n for s in scores if s.condition == "clean"} == {33}
    assert {s.n for s in scores if s.condition != "clean"} == {200}


def test_groups_and_means_are_those_that_the_suite_says() -> None:
    own = (*graded({"mist": ("fog", "snow"), "dots": ("pixelate",)}), *graded({"aside": ("contrast",)}, counted=False))
    right_CN = np.zeros((len(own), 40), bool)
    right_CN[[c.name == "contrast" for c in own]] = True
    right_CN[[c.name == "pixelate" for c in own], :20] = True
    scores, notes = score("m", "own", answered(right_CN, own), [Measure("mean_corruption_error_unnormalised")])
    assert {s.condition for s in scores if s.metric == "group_error"} == {"mist", "dots", "aside"}
    assert value(scores, "group_error", "dots") == 0.5
    assert value(scores, "mean_corruption_error_unnormalised") == pytest.approx((1 + 1 + 0.5) / 3)
    assert not notes


def test_held_out_are_the_counted_corruptions_that_no_recipe_contains() -> None:
    own = graded({"a": ("fog", "snow"), "b": ("pixelate",)})
    right_CN = np.array([[c.name == "snow"] * 40 for c in own])
    measures = [Measure("held_out_error")]
    scores, notes = score("m", "own", answered(right_CN, own), measures, overlaps=frozenset({"fog"}))
    assert value(scores, "held_out_error") == 0.5 and not notes
    scores, notes = score("m", "own", answered(right_CN, own), measures, overlaps=frozenset({"contrast"}))
    assert "held_out_error" not in {s.metric for s in scores} and not notes
    _, notes = score("m", "own", answered(right_CN, own), measures, overlaps=frozenset({"fog", "snow", "pixelate"}))
    assert "Every corruption is in one of the recipes" in notes[0]


def test_images_without_labels_have_only_numbers_that_need_none() -> None:
    whole = drawn(0.5)
    kept = ("prediction", "confidence", "head_prediction")
    bare = replace(whole, reference=None, columns={name: whole.columns[name] for name in kept})
    scores, notes = score("m", "own", bare, [Measure("mean_confidence", "fog")])
    assert {s.metric for s in scores} == {name for name, metric in METRICS.items() if not metric.needs_labels}
    assert scores and not notes


def test_the_reasons_told_are_of_what_the_suite_is_about() -> None:
    partly = drawn(0.5, [c for c in ALL_75 if c.name != "snow"])
    _, told = score("m", "own", partly, [Measure("mean_corruption_error_unnormalised")])
    assert told == []
    _, told = score("m", "own", partly, [Measure("mce")])
    assert len(told) == 1 and "missing: snow" in told[0]


def test_the_numbers_shown_are_the_suites_in_its_order() -> None:
    scores, _ = scored(drawn(0.5))
    wanted = [Measure("top1_accuracy", "clean"), Measure("held_out_error"), Measure("mce"), Measure("ce", "fog")]
    assert [(s.metric, s.condition) for s in shown(wanted, scores)] == [
        ("top1_accuracy", "clean"),
        ("mce", "all"),
        ("ce", "fog"),
    ]


def test_a_suite_that_says_no_measures_gets_those_of_its_conditions() -> None:
    whole = replace(imagenet_c.SUITE, measures=())
    assert whole.measures[0] == Measure("mean_corruption_error_unnormalised")
    plain = replace(whole, conditions=(Condition("natural"),), measures=())
    assert plain.measures[0] == Measure("top1_accuracy", "natural")
    without = replace(plain, measures=(), labels="none")
    assert without.measures == (Measure("mean_confidence", "natural"),)
    for suite in (whole, plain, without):
        assert isinstance(suite, Suite) and {m.metric for m in suite.measures} <= set(METRICS)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_metrics_name_metrics_that_exist(metric: Metric) -> None:
    assert {name for name in (metric.by_corruption, *metric.beside) if name} <= set(METRICS)
    assert (metric.unit == "percent") == bool(metric.baseline)


def test_a_condition_that_is_not_counted_stays_so_without_a_group() -> None:
    fog, saturate = in_groups([Condition("fog", 1, counted=False), Condition("saturate", 1)])
    assert (fog.group, fog.counted, saturate.counted) == ("weather", False, False)
