"""Shape bias, effective robustness and classes, against published answers and by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from robustbench_cls import shape_bias
from robustbench_cls.core.errors import NotApplicable, UserError
from robustbench_cls.core.predictions import Predictions
from robustbench_cls.core.sample import Sample
from robustbench_cls.core.suite import Condition
from robustbench_cls.metrics.classes import most_confused, per_class_accuracy
from robustbench_cls.metrics.effective_robustness import effective_robustness
from robustbench_cls.metrics.shape_bias import CATEGORIES, METRIC, decision_counts


def responses(shared: Path, model: str) -> pd.DataFrame:
    (file,) = (shared / "data/cue-conflict-responses").glob(f"*_{model}_*.csv")
    table = pd.read_csv(file)
    texture = table["imagename"].str.extract(r"-([a-z]+)\d+\.png$")[0]
    return pd.DataFrame({"shape": table["category"], "texture": texture, "decision": table["object_response"]})


@pytest.mark.parametrize(("model", "by_shape", "by_texture"), [("resnet50", 162, 572), ("alexnet", 182, 537)])
def test_shape_bias_of_published_answers(shared: Path, model: str, by_shape: int, by_texture: int) -> None:
    decisions = responses(shared, model)
    assert len(decisions) == 1280
    counts = decision_counts(decisions)
    assert tuple(counts.index) == CATEGORIES
    assert (int(counts["shape"].sum()), int(counts["texture"].sum())) == (by_shape, by_texture)
    assert shape_bias(decisions) == by_shape / (by_shape + by_texture)


def test_shape_bias_by_hand() -> None:
    rows = [("cat", "dog", "cat"), ("cat", "dog", "dog"), ("cat", "cat", "cat"), ("bear", "dog", "oven")]
    decisions = pd.DataFrame(rows, columns=["shape", "texture", "decision"])
    assert shape_bias(decisions) == 0.5
    with pytest.raises(NotApplicable, match="there are none"):
        shape_bias(decisions.iloc[2:])
    with pytest.raises(UserError, match="missing: texture"):
        shape_bias(decisions.drop(columns="texture"))
    with pytest.raises(UserError, match="missing: texture"):
        decision_counts(decisions.drop(columns="texture"))


def as_predictions(decisions: pd.DataFrame) -> Predictions:
    """Answers as they are stored."""
    place = {name: i for i, name in enumerate(CATEGORIES)}
    shape, answer = (decisions[name].map(place).to_numpy(np.int32) for name in ("shape", "decision"))
    ids = tuple(f"{row.shape}/{row.shape}1-{row.texture}{i}.png" for i, row in enumerate(decisions.itertuples()))
    return Predictions((Condition("cue-conflict"),), ids, {"label": shape[None], "prediction": answer[None]}, False)


def test_the_metric_gives_the_published_bias_with_an_interval(shared: Path) -> None:
    decisions = responses(shared, "resnet50")
    bias_R = METRIC.compute(Sample.of(as_predictions(decisions)))
    assert bias_R[0] == pytest.approx(162 / 734, abs=1e-12)
    low, high = np.percentile(bias_R[1:], [2.5, 97.5])
    half = 1.96 * np.sqrt(162 / 734 * 572 / 734 / 734)
    assert (high - low) / 2 == pytest.approx(half, rel=0.1)


def test_a_texture_that_the_name_does_not_tell() -> None:
    predictions = as_predictions(pd.DataFrame([("cat", "dog", "cat")], columns=["shape", "texture", "decision"]))
    with pytest.raises(NotApplicable, match=r"found cat/photo\.png"):
        METRIC.compute(Sample.of(replace(predictions, image_ids=("cat/photo.png",)), 0))
    others = {**predictions.columns, "label": predictions.columns["label"] + 16}
    with pytest.raises(NotApplicable, match="among the 16 categories"):
        METRIC.compute(Sample.of(replace(predictions, columns=others), 0))


def test_effective_robustness_is_the_distance_from_the_line() -> None:
    clean = np.array([[0.5], [0.6], [0.7], [0.8]])
    logit = np.log(clean / (1 - clean))
    on_line = 1 / (1 + np.exp(-(0.9 * logit - 1)))
    assert np.abs(effective_robustness(clean, on_line, 1000)).max() < 1e-12
    beyond = effective_robustness(clean, on_line + np.array([[0], [0.1], [0], [0]]), 1000)
    assert beyond[1, 0] > 0.05 > 0 > beyond[0, 0]
    assert np.isfinite(effective_robustness(np.array([[0.0], [0.5], [1.0]]), clean[:3], 20)).all()
    for wrong, message in [(clean[:2], "3 models or more"), (np.full((3, 1), 0.5), "unlike clean accuracy")]:
        with pytest.raises(NotApplicable, match=message):
            effective_robustness(wrong, wrong * 0.5, 1000)


def test_classes_by_hand() -> None:
    label = np.array([[0, 0, 1, 1]] * 2)
    answer = np.array([[0, 1, 1, 0], [0, 2, 1, 1]])
    columns = {"label": label, "prediction": answer, "correct": label == answer}
    predictions = Predictions((Condition("fog", 1), Condition("fog", 2)), ("a", "b", "c", "d"), columns, True)
    table = per_class_accuracy(predictions)
    assert table["accuracy"].tolist() == [0.5, 0.75] and table["n"].tolist() == [2, 2]
    assert (table["low"] < table["accuracy"]).all() and (table["accuracy"] < table["high"]).all()
    confused = most_confused(predictions)
    assert confused.to_dict("records") == [
        {"label": 0, "prediction": 1, "times": 1, "share": 0.25},
        {"label": 0, "prediction": 2, "times": 1, "share": 0.25},
        {"label": 1, "prediction": 0, "times": 1, "share": 0.25},
    ]
    assert len(most_confused(predictions, 1)) == 1
