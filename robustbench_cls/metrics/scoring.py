"""From stored predictions to the tidy list of scores."""

from collections.abc import Iterator
from dataclasses import replace

from robustbench_cls.core.corruption import SEVERITIES
from robustbench_cls.core.discovery import discover
from robustbench_cls.core.errors import NotApplicable
from robustbench_cls.core.metric import Metric, Predictions, Score

NAMED = 8
"""Missing conditions that a note names before it counts the rest."""


def all_metrics() -> dict[str, Metric]:
    """Every metric by name."""
    return discover("robustbench_cls.metrics", Metric)


def score(model: str, suite: str, predictions: Predictions) -> tuple[list[Score], list[str]]:
    """Every metric that applies, and in words why the others do not.

    Scores of a whole suite carry the condition `all`, those of a corruption severity 0. A suite or corruption
    that is not complete gets no suite or corruption score, and the notes say what is missing.
    """
    scores: list[Score] = []
    notes: list[str] = []
    missing = predictions.missing
    if missing:
        shown = ", ".join(missing[:NAMED]) + (f" and {len(missing) - NAMED} more" if len(missing) > NAMED else "")
        notes.append(f"{suite}, {model}: partial, {len(missing)} conditions missing: {shown}.")
    for metric in all_metrics().values():
        if metric.scope == "suite" and missing:
            continue
        for condition, severity, part in _parts(metric, predictions):
            n = int(part.frame.groupby(["condition", "severity"]).size().min())
            try:
                value = metric.compute(part)
            except NotApplicable as reason:
                notes.append(f"{suite}, {model}: {reason}")
                continue
            scores.append(Score(model, suite, condition, severity, metric.name, value, metric.unit, n))
    return scores, list(dict.fromkeys(notes))


def _parts(metric: Metric, predictions: Predictions) -> Iterator[tuple[str, int, Predictions]]:
    """The rows that one number of this metric speaks of, with the name and severity it goes under."""
    frame = predictions.frame
    if metric.scope == "condition":
        for source in (predictions.reference, frame):
            for _, rows in source.groupby(["condition", "severity"], sort=False):
                first = rows.iloc[0]
                yield str(first["condition"]), int(first["severity"]), replace(predictions, frame=rows)
        return
    corrupted = frame[frame["severity"].isin(SEVERITIES)]
    if corrupted.empty:
        return
    if metric.scope == "suite":
        yield "all", 0, replace(predictions, frame=corrupted)
        return
    for condition, rows in corrupted.groupby("condition", sort=False):
        yield str(condition), 0, replace(predictions, frame=rows)
