"""From stored predictions to the tidy list of scores, each with its interval."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.corruption import GROUPS, IMAGENET_C, SEVERITIES
from robustbench_cls.core.discovery import discover
from robustbench_cls.core.errors import NotApplicable, NotAsked
from robustbench_cls.core.metric import Metric, Score
from robustbench_cls.core.predictions import Predictions
from robustbench_cls.core.sample import Sample
from robustbench_cls.core.suite import Condition
from robustbench_cls.metrics.interval import interval

NAMED = 8
"""Missing conditions that a note names before it counts the rest."""

WHOLE = "all"
"""The condition that scores of a whole suite, and of a severity, go under."""


class Measured(NamedTuple):
    """A metric on all draws of one model's images.

    Attributes:
        condition, severity: what it goes under.
        conditions: what it speaks of.
    """

    metric: Metric
    condition: str
    severity: int
    conditions: tuple[Condition, ...]
    values_R: Float64Array


def all_metrics() -> dict[str, Metric]:
    """Every metric by name."""
    return discover("robustbench_cls.metrics", Metric)


def score(
    model: str,
    suite: str,
    predictions: Predictions,
    baseline: Predictions | None = None,
    overlaps: frozenset[str] = frozenset(),
    only: Collection[str] = (),
) -> tuple[list[Score], list[str]]:
    """Every metric that applies, with its 95 % interval, and in words why the others do not.

    Scores of a whole suite carry the condition `all`, those of a severity too, those of a group its name; all
    but those of a condition or a severity have severity 0. What is not complete gets no suite or corruption
    score, and the notes say what is missing.

    Args:
        baseline: another model's results on the same suite, for CE against it.
        overlaps: corruptions that a recipe of the models to be compared contains, for means over the others.
        only: names of metrics; all where there are none.
    """
    sample = Sample.of(predictions, baseline=baseline, overlaps=overlaps)
    found, reasons = measure(sample, only)
    return as_scores(model, suite, sample, found), [f"{suite}, {model}: {reason}" for reason in reasons]


def as_scores(model: str, suite: str, sample: Sample, found: Sequence[Measured]) -> list[Score]:
    """What was measured on a sample, with intervals."""
    reference = sample.predictions.reference
    scores = []
    for metric, condition, severity, conditions, values_R in found:
        clean = reference is not None and conditions == reference.conditions
        n = len((reference if clean and reference else sample.predictions).image_ids)
        low, high = interval(values_R, metric.unit, n)
        value = float(values_R[0])
        scores.append(Score(model, suite, condition, severity, metric.name, value, low, high, metric.unit, n))
    return scores


def measure(sample: Sample, only: Collection[str] = ()) -> tuple[list[Measured], list[str]]:
    """Every metric that applies, of those in `only` if any, on every draw, and in words why the others do not."""
    found: list[Measured] = []
    reasons: list[str] = []
    missing = sample.predictions.missing
    if missing:
        shown = ", ".join(missing[:NAMED]) + (f" and {len(missing) - NAMED} more" if len(missing) > NAMED else "")
        reasons.append(f"partial, {len(missing)} conditions missing: {shown}.")
    for metric in (metric for name, metric in all_metrics().items() if not only or name in only):
        for condition, severity, part in parts(metric, sample):
            try:
                found.append(Measured(metric, condition, severity, part.conditions, metric.compute(part)))
            except NotAsked:
                continue
            except NotApplicable as reason:
                reasons.append(str(reason))
    return found, list(dict.fromkeys(reasons))


def parts(metric: Metric, sample: Sample) -> Iterator[tuple[str, int, Sample]]:
    """What one number of this metric speaks of, with the name and severity it goes under."""
    corrupted = [condition for condition in sample.conditions if condition.severity]
    by_name = {c.name: [other for other in corrupted if other.name == c.name] for c in corrupted}
    if metric.scope in ("condition", "shift"):
        clean = [sample.clean] if sample.predictions.reference else []
        if metric.scope == "shift" and not clean:
            return
        for source in (*(clean if metric.scope == "condition" else ()), sample):
            for condition in source.conditions:
                yield condition.name, condition.severity, source.only([condition])
    elif metric.scope == "corruption":
        for name, own in by_name.items():
            if not any(stem.rpartition("-")[0] == name for stem in sample.predictions.missing):
                yield name, 0, sample.only(own)
    elif not corrupted or sample.predictions.missing:
        return
    elif metric.scope == "suite":
        yield WHOLE, 0, sample.only(corrupted)
    elif metric.scope == "severity":
        for severity in SEVERITIES:
            if own := [c for c in corrupted if c.severity == severity and c.name in IMAGENET_C]:
                yield WHOLE, severity, sample.only(own)
    else:
        for group, names in GROUPS.items():
            if own := [c for c in corrupted if c.name in names]:
                yield group, 0, sample.only(own)
