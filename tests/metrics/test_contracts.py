"""What every metric promises, over all that are discovered."""

from dataclasses import replace

import numpy as np
import pytest
from drawn_predictions import ALL_75, CLEAN, answered, drawn, stimuli

from robustbench_cls.core.corruption import EXTRA, IMAGENET_C, SEVERITIES
from robustbench_cls.core.errors import NotApplicable
from robustbench_cls.core.metric import Metric, Score
from robustbench_cls.core.predictions import Predictions
from robustbench_cls.core.sample import Sample
from robustbench_cls.core.suite import Condition
from robustbench_cls.metrics.alexnet import CLEAN_ERROR, ERRORS
from robustbench_cls.metrics.interval import BOUNDS
from robustbench_cls.metrics.scoring import all_metrics, score

METRICS = all_metrics()
FOG_1 = Condition("fog", 1)
CONTAINED = frozenset({"fog", "snow"})

OF_SCOPE = {
    "condition": [FOG_1],
    "shift": [FOG_1],
    "corruption": [c for c in ALL_75 if c.name == "fog"],
    "severity": [c for c in ALL_75 if c.severity == 1],
    "group": [c for c in ALL_75 if c.name in ("snow", "frost", "fog", "brightness")],
    "suite": list(ALL_75),
}


def sample_for(
    metric: Metric, predictions: Predictions, resamples: int = 50, baseline: Predictions | None = None
) -> Sample:
    if metric.name == "shape_bias":
        return Sample.of(stimuli(predictions), resamples)
    sample = Sample.of(predictions, resamples, baseline or drawn(0.5, seed=99), CONTAINED)
    return sample.only(OF_SCOPE[metric.scope])


def sure(predictions: Predictions, confidence: float) -> Predictions:
    columns = {**predictions.columns, "confidence": np.full_like(predictions.columns["confidence"], confidence)}
    return replace(predictions, columns=columns)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_perfect_beats_wrong_in_its_stated_direction(metric: Metric) -> None:
    right, wrong = (sure(drawn(share), 0.99) for share in (1.0, 0.0))
    if metric.name == "flip_consistency":
        jumping = (wrong.columns["prediction"] + np.arange(75)[:, None]).astype(np.int32)
        wrong = replace(wrong, columns={**wrong.columns, "prediction": jumping})
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
    """What a metric says of a draw is what it would say of the images drawn, bins of images apart."""
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
    tolerance = 0.01 if metric.name in ("aurra", "aurc") else 1e-6  # copies of an image count together
    assert metric.compute(sample)[7] == pytest.approx(expected, rel=1e-5, abs=tolerance)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_source_is_an_address(metric: Metric) -> None:
    assert metric.source.startswith("https://")


def value(scores: list[Score], name: str, condition: str = "all") -> float:
    (found,) = [s.value for s in scores if s.metric == name and s.condition == condition]
    return found


def test_every_score_lies_in_its_interval_and_the_interval_in_its_bounds() -> None:
    scores, _ = score("m", "imagenet-c", drawn(0.5), drawn(0.4, seed=1), CONTAINED)
    of_stimuli, _ = score("m", "cue-conflict", stimuli(drawn(0.5)))
    assert {s.metric for s in (*scores, *of_stimuli)} == set(METRICS)
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


def test_a_model_scores_100_against_itself_and_its_interval_is_a_point() -> None:
    scores, _ = score("m", "c", drawn(0.5), drawn(0.5))
    (found,) = [s for s in scores if s.metric == "mce_against_baseline"]
    assert (found.value, found.low, found.high) == pytest.approx((100, 100, 100))


def test_a_baseline_without_errors_or_conditions_is_no_measure() -> None:
    _, notes = score("m", "c", drawn(0.5), drawn(1.0))
    assert any("makes next to no errors" in note for note in notes)
    _, notes = score("m", "c", drawn(0.5), drawn(0.5, ALL_75[:5]))
    assert any("lacks 70 of these conditions, shot_noise-1 among them" in note for note in notes)


def test_other_classes_have_no_mce_and_the_note_says_why() -> None:
    scores, notes = score("m", "imagenet-c", replace(drawn(0.5), imagenet=False))
    wide = {s.metric for s in scores if s.condition == "all" and s.severity == 0}
    assert wide == {"mean_corruption_error_unnormalised", "mean_ece", "mean_nll", "worst_condition_error"}
    assert sum("relative mCE are relative to AlexNet" in note for note in notes) == 1  # once for all of them


def test_a_partial_run_has_no_mce_and_the_note_names_what_is_missing() -> None:
    whole = drawn(0.5, [c for c in ALL_75 if c.name != "snow"])
    missing = tuple(f"snow-{s}" for s in SEVERITIES)
    scores, notes = score("m", "imagenet-c", replace(whole, missing=missing))
    assert not [s for s in scores if s.condition in ("all", "weather")]
    assert any("partial, 5 conditions missing: snow-1" in note for note in notes)
    with pytest.raises(NotApplicable, match="missing: snow"):
        METRICS["mce"].compute(Sample.of(whole, 0))
    assert value(scores, "ce", "fog") > 0


def test_no_clean_images_no_relative_mce_and_no_drop() -> None:
    whole = replace(drawn(0.5), reference=None)
    with pytest.raises(NotApplicable, match="clean images"):
        METRICS["relative_mce"].compute(Sample.of(whole, 0))
    scores, _ = score("m", "c", whole)
    assert "accuracy_drop" not in {s.metric for s in scores}


def test_extras_do_not_enter_the_unnormalised_mean() -> None:
    extras = tuple(Condition(name, s) for name in EXTRA for s in SEVERITIES)
    correct_CN = np.random.default_rng(0).random((75, 200)) < 0.5
    wrong_CN = np.zeros((20, 200), bool)
    both = answered(np.concatenate([correct_CN, wrong_CN]), ALL_75 + extras)
    metric = METRICS["mean_corruption_error_unnormalised"]
    alone = metric.compute(Sample.of(answered(correct_CN, ALL_75), 20))
    assert metric.compute(Sample.of(both, 20)) == pytest.approx(alone)


def test_n_is_that_of_the_images() -> None:
    whole = drawn(0.5)
    other = answered(np.ones((1, 33), bool), [CLEAN])
    scores, _ = score("m", "imagenet-c", replace(whole, reference=other))
    assert {s.n for s in scores if s.condition == "clean"} == {33}
    assert {s.n for s in scores if s.condition != "clean"} == {200}
