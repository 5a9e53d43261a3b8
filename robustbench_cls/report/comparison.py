"""Two models on the same images: differences paired by image, from stored predictions alone."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.metric import shown_scale
from robustbench_cls.core.predictions import Predictions
from robustbench_cls.core.run import short, word
from robustbench_cls.core.sample import Sample
from robustbench_cls.core.suite import Condition, Measure
from robustbench_cls.metrics.interval import of_difference
from robustbench_cls.metrics.scoring import Measured, all_metrics, measure, unknown
from robustbench_cls.metrics.significance import ALPHA, holm, mcnemar, resampled
from robustbench_cls.report.caveats import COPIES, unlike_trainings
from robustbench_cls.report.labels import comparable, measured_how, suite_on_data
from robustbench_cls.results.manifest import find_runs
from robustbench_cls.results.store import StoredRun


@dataclass(frozen=True)
class Difference:
    """One metric of two runs on the same images.

    Attributes:
        condition, severity: as in `Score`.
        n: images in each condition.
        difference: the second less the first, with its 95 % interval `low` to `high`, images drawn anew for both alike.
        p: of no difference: McNemar's exact test for shares of right answers in one condition, else from the resamples.
        p_holm: the same, corrected for the number of rows of this metric in this suite.
        only_a, only_b: images that only the first, only the second, answers rightly, summed over the conditions.
    """

    suite: str
    metric: str
    condition: str
    severity: int
    n: int
    unit: str
    value_a: float
    value_b: float
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    only_a: int
    only_b: int

    @property
    def scale(self) -> float:
        """The factor that readers see the values with."""
        return shown_scale(self.unit)

    @property
    def undecided(self) -> bool:
        """The interval of the difference contains 0."""
        return self.low <= 0 <= self.high

    @property
    def verdict(self) -> str:
        """`B better`, `A better` or `within noise`: where the interval contains 0, or Holm asks for more."""
        if self.p_holm >= ALPHA or self.undecided:
            return "within noise"
        return "B better" if (self.difference > 0) == all_metrics()[self.metric].higher_is_better else "A better"


@dataclass(frozen=True)
class Comparison:
    """All differences of two runs on one suite.

    Attributes:
        suite: its name, with the data set's where it is not the suite's own.
        measures: the numbers that the suite is about, the headline first.
        differences: every metric that both runs have.
        facts: of both runs, by names that end in `_a` and `_b` where the two may differ.
    """

    suite: str
    measures: tuple[Measure, ...]
    differences: tuple[Difference, ...]
    facts: Mapping[str, str | int] = field(default_factory=dict)

    def rows(self) -> list[dict[str, object]]:
        """A row a difference, for files: its fields, the verdict, the better direction, and how it was measured."""
        return [
            {
                **asdict(d),
                "verdict": d.verdict,
                "higher_is_better": all_metrics()[d.metric].higher_is_better,
                **self.facts,
            }
            for d in self.differences
        ]

    @property
    def shown(self) -> list[Difference]:
        """The suite's measures, the headline first."""
        known = {(d.metric, d.condition): d for d in self.differences if not d.severity}
        return [known[m.metric, m.where] for m in self.measures if (m.metric, m.where) in known]

    @property
    def by_corruption(self) -> list[Difference]:
        """A row a corruption, in the metric that the first such measure is the mean of."""
        for asked in self.measures:
            metric = all_metrics().get(asked.metric)
            rows = [d for d in self.differences if metric and d.metric == metric.by_corruption]
            if rows:
                return rows
        return []


def compare(run_a: str | Path | StoredRun, run_b: str | Path | StoredRun) -> pd.DataFrame:
    """The differences between two models image by image, a row a metric and place: the second less the first.

    For more than two see `report.ranking.rank`.

    Args:
        run_a, run_b: stored runs, or folders that `robust eval` wrote.

    Returns:
        The fields of `Difference` as columns, `verdict`, and how both were measured.

    Raises:
        UserError: no common suite, or one that was measured in two ways.
    """
    given = [[run] if isinstance(run, StoredRun) else find_runs(Path(run)) for run in (run_a, run_b)]
    comparisons, _ = compare_runs(*given)
    rows = [row for comparison in comparisons for row in comparison.rows()]
    table: pd.DataFrame = pd.DataFrame(rows)
    return table


def compare_runs(runs_a: Sequence[StoredRun], runs_b: Sequence[StoredRun]) -> tuple[list[Comparison], list[str]]:
    """The differences on every suite that both have measured, and in words what was left out.

    Raises:
        UserError: no common suite, or one that was measured in two ways; the message names the difference.
    """
    first, second = _by_suite(runs_a), _by_suite(runs_b)
    both = [(run, second[suite]) for suite, run in first.items() if suite in second]
    if not both:
        have = f"{', '.join(first)}; {', '.join(second)}"
        raise UserError(f"The runs have no suite in common: {have}. Measure both on the same suite.")
    comparisons: list[Comparison] = []
    notes = [f"only one run has {suite}" for suite in sorted(first.keys() ^ second.keys())]
    for a, b in both:
        _require_comparable(a, b)
        suite = suite_on_data(a)
        notes += [f"{suite}: {text}" for text in (*_unlike(a, b), *unknown(_measures(a, b)))]
        every = dict.fromkeys((*a.all_conditions, *b.all_conditions))
        both_have = {c for c in every if all(c in r.all_conditions and r.path(c).exists() for r in (a, b))}
        if len(both_have) < len(every):
            notes.append(f"{suite}: {len(both_have)} of {len(every)} conditions are in both")
        if both_have:
            comparisons.append(_of_suite(a, b, both_have))
    if not comparisons:
        raise UserError("The runs have no measured condition in common. Finish one of them first.")
    return comparisons, notes


def _by_suite(runs: Sequence[StoredRun]) -> dict[str, StoredRun]:
    found: dict[str, StoredRun] = {}
    for run in runs:
        other = found.setdefault(run.identity.suite, run)
        if other is not run:
            raise UserError(f"{other.folder} and {run.folder} are both {run.identity.suite}. Name one model's folder.")
    return found


def _require_comparable(a: StoredRun, b: StoredRun) -> None:
    first, second = comparable(a), comparable(b)
    unlike = [
        f"{word(name)} {short(name, first[name])} and {short(name, second[name])}"
        for name in first
        if first[name] != second.get(name, first[name])
    ]
    if first.get("data_fingerprint") != second.get("data_fingerprint"):
        data = [run.circumstances.data or "unknown data" for run in (a, b)]
        raise UserError(
            f"{a.folder} and {b.folder} are of other images ({data[0]}; {data[1]}), so they can't be compared image by "
            "image. Compare models on the same data."
        )
    if unlike:
        raise UserError(
            f"{a.folder} and {b.folder} were not measured alike ({'; '.join(unlike)}), so their numbers don't compare. "
            "Measure one of them again like the other."
        )


def _unlike(a: StoredRun, b: StoredRun) -> list[str]:
    """In words, differences that the reader should know of, though the two runs compare."""
    if a.identity == b.identity:
        return [COPIES if a.differs_from_copy(b) else "both are the same run of the same model"]
    return (
        [
            f"the two were run otherwise: {name} {getattr(a.identity, name)} and {getattr(b.identity, name)}"
            for name in ("precision", "backend")
            if getattr(a.identity, name) != getattr(b.identity, name)
        ]
        + [
            f"{word(name)} {getattr(a.identity.protocol, name)} and {getattr(b.identity.protocol, name)}"
            for name in ("input_size", "resize", "crop", "interpolation")
            if getattr(a.identity.protocol, name) != getattr(b.identity.protocol, name)
        ]
        + list(unlike_trainings([("A", a), ("B", b)]))
    )


def _of_suite(a: StoredRun, b: StoredRun, both_have: Collection[Condition]) -> Comparison:
    measures = _measures(a, b)
    first, second = (
        Sample.of(run.predictions(without=[c for c in run.all_conditions if c not in both_have])) for run in (a, b)
    )
    _require_same_images(a, b, first.predictions, second.predictions)
    others = {one.key: one for one in measure(second, measures)[0]}
    pairs = [(one, others[one.key]) for one in measure(first, measures)[0] if one.key in others]
    pairs = [(one, other) for one, other in pairs if one.conditions == other.conditions]  # not of an edited suite
    suite, itself = suite_on_data(a), a.identity == b.identity
    found = [_difference(suite, one, other, itself=itself) for one, other in pairs]
    corrected: dict[int, float] = {}
    for name in {d.metric for d in found}:
        rows = [row for row, d in enumerate(found) if d.metric == name]
        corrected |= dict(zip(rows, holm([found[row].p for row in rows]), strict=True))
    differences = tuple(replace(d, p_holm=corrected[row]) for row, d in enumerate(found))
    return Comparison(suite, measures, differences, _facts(a, b))


def _facts(a: StoredRun, b: StoredRun) -> dict[str, str | int]:
    """How two runs that compare were measured: the protocol as text, in which they differ by their own input alone."""
    found: dict[str, str | int] = {}
    for side, run in (("a", a), ("b", b)):
        found[f"model_{side}"], found[f"weights_{side}"] = run.identity.model, run.identity.weights_sha256
        found |= {f"{name}_{side}": measured_how(run)[name] for name in ("backend", "precision", "protocol")}
    return {**found, **{name: measured_how(a)[name] for name in ("limit", "seed", "data")}}


def _measures(a: StoredRun, b: StoredRun) -> tuple[Measure, ...]:
    return tuple(dict.fromkeys((*a.suite.measures, *b.suite.measures)))


def _require_same_images(a: StoredRun, b: StoredRun, first: Predictions, second: Predictions) -> None:
    pairs = [(first, second)]
    if first.reference and second.reference:
        pairs.append((first.reference, second.reference))
    for mine, theirs in pairs:
        one, other = (predictions.columns.get("label", np.empty(0)) for predictions in (mine, theirs))
        if mine.image_ids != theirs.image_ids or not np.array_equal(one, other):
            raise UserError(
                f"{a.folder} and {b.folder} are about other images, or classes stand in another order. "
                "Measure both models on the same data."
            )


def _difference(suite: str, a: Measured, b: Measured, *, itself: bool) -> Difference:
    differences_R = b.values_R - a.values_R
    only_a = only_b = 0
    if a.sample.predictions.labelled:
        column = a.metric.share_of or "correct"
        right_a, right_b = (one.sample.column(column) for one in (a, b))
        only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    p = mcnemar(only_a, only_b) if a.metric.share_of else resampled(differences_R)
    low, high = (0.0, 0.0) if itself else of_difference(differences_R, a.images, a.ends)
    return Difference(
        suite,
        a.metric.name,
        a.condition,
        a.severity,
        a.images,
        a.metric.unit,
        float(a.values_R[0]),
        float(b.values_R[0]),
        float(differences_R[0]),
        low,
        high,
        p,
        p,
        only_a,
        only_b,
    )
