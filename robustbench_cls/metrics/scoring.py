"""From stored predictions to the tidy list of scores, each with its interval."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from math import inf
from typing import NamedTuple

import numpy as np

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.discovery import discover, packaged
from robustbench_cls.core.errors import NotApplicable, NotAsked, UserError
from robustbench_cls.core.metric import Metric, Score
from robustbench_cls.core.predictions import Predictions
from robustbench_cls.core.run import names_sha256
from robustbench_cls.core.sample import Sample
from robustbench_cls.core.suite import Condition, Measure
from robustbench_cls.metrics.interval import BOUNDS, Ends, ends_of, interval

ROUNDING = 1e-6
"""A number in single precision may pass its bounds by so much."""

NAMED = 8
"""Missing conditions that a note names before it counts the rest."""


class Measured(NamedTuple):
    """A metric on all draws of one model's images.

    Attributes:
        condition, severity: the place's name and severity.
        sample: the results that it is computed from.
    """

    metric: Metric
    condition: str
    severity: int
    sample: Sample
    values_R: Float64Array

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions that it speaks of."""
        return self.sample.conditions

    @property
    def images(self) -> int:
        """Images in each condition that the number is computed from."""
        if self.metric.images is not None:
            return self.metric.images(self.sample)
        return len(self.sample.predictions.image_ids)

    @property
    def image_ids_sha256(self) -> str:
        """A digest of the images' ids: numbers of two models are paired where it is the same."""
        return names_sha256(self.sample.predictions.image_ids)

    @property
    def key(self) -> tuple[str, str, int]:
        """Metric, place and severity."""
        return self.metric.name, self.condition, self.severity

    def ends(self) -> Ends:
        """The least and the most that it could be."""
        return ends_of(self.metric, self.sample)


def all_metrics() -> Mapping[str, Metric]:
    """Every metric by name."""
    return discover("robustbench_cls.metrics", Metric, several=True)


@cache
def _packaged() -> frozenset[str]:
    return frozenset(metric.name for metric in packaged("robustbench_cls.metrics", Metric))


def score(
    model: str,
    suite: str,
    predictions: Predictions,
    measures: Sequence[Measure],
    *,
    baseline: Predictions | None = None,
    overlaps: frozenset[str] = frozenset(),
    only: Collection[str] = (),
) -> tuple[list[Score], list[str]]:
    """Every metric that applies, with its 95 % interval, and in words why measures of the suite do not.

    Scores of a whole suite carry the condition `all`, those of a severity too, those of a group its name; all
    but those of a condition or a severity have severity 0. What is not complete gets no suite or corruption
    score, and the notes say what is missing.

    Args:
        measures: the suite's.
        baseline: another model's results on the same suite, for CE against it.
        overlaps: corruptions that a recipe of the models to be compared contains, for means over the others.
        only: names of metrics; all where there are none.
    """
    sample = Sample.of(predictions, baseline=baseline, overlaps=overlaps)
    found, reasons = measure(sample, measures, only)
    return as_scores(model, suite, found), [f"{suite}: {reason}" for reason in reasons]


def as_scores(model: str, suite: str, found: Sequence[Measured]) -> list[Score]:
    """Measured numbers with their intervals."""
    scores = []
    for one in found:
        low, high = interval(one.values_R, one.metric.unit, one.images, one.ends)
        value = float(one.values_R[0])
        name, unit = one.metric.name, one.metric.unit
        scores.append(Score(model, suite, one.condition, one.severity, name, value, low, high, unit, one.images))
    return scores


def measure(
    sample: Sample, measures: Sequence[Measure], only: Collection[str] = ()
) -> tuple[list[Measured], list[str]]:
    """Every metric that applies, of those in `only` if any, on every draw.

    Returns:
        The numbers; and in words what is missing, and why measures of the suite have no value.

    Raises:
        UserError: a metric gives NaN, not one number for each draw, or one outside the bounds of its unit.
    """
    found: list[Measured] = []
    asked = {(measure.metric, measure.where) for measure in measures}
    names = {name for name, _ in asked}
    reasons = [*_partial(sample.predictions.missing), *unknown(measures)]
    for name, metric in all_metrics().items():
        if (only and name not in only) or (metric.needs_labels and not sample.predictions.labelled):
            continue
        try:
            places = list(metric.scope.places(sample))
        except NotApplicable as reason:
            reasons += [str(reason)] if name in names else []
            continue
        for where, severity, part in places:
            if metric.only_asked and (name, where) not in asked:
                continue
            try:
                found.append(Measured(metric, where, severity, part, _values(metric, part)))
            except NotAsked:
                continue
            except NotApplicable as reason:
                reasons += [str(reason)] if name in names else []
    return found, list(dict.fromkeys(reasons))


def shown(measures: Sequence[Measure], scores: Sequence[Score]) -> list[Score]:
    """The scores that a suite is about, its headline first; those that have no value are left out."""
    known = {(score.metric, score.condition): score for score in scores if not score.severity}
    return [known[key] for m in measures if (key := (m.metric, m.where)) in known]


def _values(metric: Metric, sample: Sample) -> Float64Array:
    values_R: Float64Array = np.asarray(metric.compute(sample), np.float64)
    if metric.name not in _packaged() and not np.array_equal(values_R, metric.compute(sample), equal_nan=True):
        raise UserError(f"Metric '{metric.name}' gives other numbers when it is computed again. It must not be random.")
    draws = sample.counts_NR.shape[1]
    if values_R.shape != (draws,) or np.isnan(values_R).any():
        wrong = "NaN" if values_R.shape == (draws,) else f"values of shape {values_R.shape}"
        raise UserError(
            f"Metric '{metric.name}' must give {draws} numbers, one for each draw of images; it gave {wrong}."
        )
    least, most = BOUNDS.get(metric.unit, (-inf, inf))
    if values_R.min() < least - ROUNDING or values_R.max() > most + ROUNDING:
        outside = float(values_R[np.argmax(np.maximum(least - values_R, values_R - most))])
        raise UserError(
            f"Metric '{metric.name}' has the unit '{metric.unit}', so its numbers must be {least:g} to {most:g}; one "
            f"is {outside:g}. Declare the unit 'number', which has no bounds, or mend what it computes."
        )
    return values_R


def _partial(missing: Sequence[Condition]) -> Iterator[str]:
    if missing:
        named = ", ".join(condition.stem for condition in missing[:NAMED])
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        yield f"partial, {len(missing)} condition{'s' if len(missing) > 1 else ''} missing: {named}{more}."


def unknown(measures: Sequence[Measure]) -> Iterator[str]:
    """In words, which of these measures no metric here computes, and what the user can do."""
    for name in sorted({measure.metric for measure in measures} - set(all_metrics())):
        yield f"the suite is about '{name}', which no file here computes. Name the file that does: --code FILE.py."
