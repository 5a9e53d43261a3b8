"""What every metric promises, over all that are discovered."""

import numpy as np
import pandas as pd
import pytest

from robustbench_cls.core.corruption import EXTRA, IMAGENET_C, SEVERITIES
from robustbench_cls.core.errors import NotApplicable
from robustbench_cls.core.metric import Metric, Predictions
from robustbench_cls.metrics.alexnet import CLEAN_ERROR, ERRORS
from robustbench_cls.metrics.scoring import all_metrics, score

METRICS = all_metrics()


def frame(right: float, conditions: list[tuple[str, int]], images: int = 200, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    correct = rng.random((len(conditions), images)) < right
    rows = []
    for (name, severity), answers in zip(conditions, correct, strict=True):
        part = pd.DataFrame({"correct": answers, "top5": answers, "head_correct": answers})
        rows.append(part.assign(condition=name, severity=severity))
    return pd.concat(rows, ignore_index=True)


def predictions(right: float, seed: int = 0) -> Predictions:
    conditions = [(name, s) for name in IMAGENET_C for s in SEVERITIES]
    return Predictions(frame(right, conditions, seed=seed), True, frame(0.9, [("clean", 0)]))


def scope_of(metric: Metric, whole: Predictions) -> Predictions:
    parts = {
        "condition": whole.frame[(whole.frame["condition"] == "fog") & (whole.frame["severity"] == 1)],
        "corruption": whole.frame[whole.frame["condition"] == "fog"],
        "suite": whole.frame,
    }
    return Predictions(parts[metric.scope], whole.imagenet, whole.reference)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_perfect_beats_wrong_in_its_stated_direction(metric: Metric) -> None:
    perfect = metric.compute(scope_of(metric, predictions(1.0)))
    wrong = metric.compute(scope_of(metric, predictions(0.0)))
    assert perfect > wrong if metric.higher_is_better else perfect < wrong


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_image_order_does_not_matter(metric: Metric) -> None:
    part = scope_of(metric, predictions(0.6))
    turned = Predictions(part.frame.iloc[::-1].reset_index(drop=True), part.imagenet, part.reference)
    assert metric.compute(turned) == pytest.approx(metric.compute(part), abs=1e-12)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_source_is_an_address(metric: Metric) -> None:
    assert metric.source.startswith("https://")


def value(scores: list, name: str, condition: str = "all") -> float:
    (found,) = [s.value for s in scores if s.metric == name and s.condition == condition]
    return found


def test_alexnet_scores_100_in_ce_mce_and_relative_mce() -> None:
    images = 20000

    def answers(error: float) -> np.ndarray:
        return np.arange(images) >= round(error * images)

    rows = [
        pd.DataFrame({"correct": answers(e), "top5": True, "head_correct": True}).assign(condition=name, severity=s)
        for name in IMAGENET_C
        for s, e in zip(SEVERITIES, ERRORS[name], strict=True)
    ]
    clean = pd.DataFrame({"correct": answers(CLEAN_ERROR), "top5": True, "head_correct": True})
    scores, notes = score(
        "alexnet", "imagenet-c", Predictions(pd.concat(rows), True, clean.assign(condition="clean", severity=0))
    )
    assert not notes
    for metric, condition in [("mce", "all"), ("relative_mce", "all"), ("ce", "fog"), ("ce", "snow")]:
        assert value(scores, metric, condition) == pytest.approx(100, abs=0.05)
    unnormalised = np.mean([e for name in IMAGENET_C for e in ERRORS[name]])
    assert value(scores, "mean_corruption_error_unnormalised") == pytest.approx(unnormalised, abs=1e-4)


def test_other_classes_have_no_mce_and_the_note_says_why() -> None:
    whole = predictions(0.5)
    scores, notes = score("m", "imagenet-c", Predictions(whole.frame, False, whole.reference))
    assert {s.metric for s in scores if s.condition == "all"} == {"mean_corruption_error_unnormalised"}
    assert sum("relative mCE are relative to AlexNet" in note for note in notes) == 1  # once for all three


def test_a_partial_run_has_no_mce_and_the_note_names_what_is_missing() -> None:
    whole = predictions(0.5)
    part = whole.frame[whole.frame["condition"] != "snow"]
    missing = tuple(f"snow-{s}" for s in SEVERITIES)
    scores, notes = score("m", "imagenet-c", Predictions(part, True, whole.reference, missing))
    assert not [s for s in scores if s.condition == "all"]
    assert any("partial, 5 conditions missing: snow-1" in note for note in notes)
    with pytest.raises(NotApplicable, match="missing: snow"):
        METRICS["mce"].compute(Predictions(part, True, whole.reference))
    assert value(scores, "ce", "fog") > 0


def test_no_clean_images_no_relative_mce() -> None:
    whole = predictions(0.5)
    with pytest.raises(NotApplicable, match="clean images"):
        METRICS["relative_mce"].compute(Predictions(whole.frame, True, whole.reference.iloc[:0]))


def test_extras_do_not_enter_the_unnormalised_mean() -> None:
    whole = predictions(0.5)
    more = frame(0.0, [(name, s) for name in EXTRA for s in SEVERITIES])
    both = Predictions(pd.concat([whole.frame, more]), True, whole.reference)
    metric = METRICS["mean_corruption_error_unnormalised"]
    assert metric.compute(both) == pytest.approx(metric.compute(whole))


def test_n_is_that_of_the_smallest_condition() -> None:
    scores, _ = score("m", "imagenet-c", predictions(0.5))
    assert {s.n for s in scores} == {200}
