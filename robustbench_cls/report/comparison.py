"""Two models on the same images: differences paired by image, from stored predictions alone."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.metric import shown_scale
from robustbench_cls.core.predictions import Predictions
from robustbench_cls.core.sample import Sample
from robustbench_cls.core.suite import Condition
from robustbench_cls.metrics.interval import of_difference, spread
from robustbench_cls.metrics.scoring import WHOLE, Measured, all_metrics, measure
from robustbench_cls.metrics.significance import ALPHA, holm, mcnemar, resampled
from robustbench_cls.report.labels import comparable, short, word
from robustbench_cls.results.store import StoredRun

EXACT = ("error", "top1_accuracy")
"""Metrics of one condition that McNemar's test is of."""


@dataclass(frozen=True)
class Difference:
    """One metric of two runs on the same images.

    Attributes:
        condition, severity: as in `Score`.
        n: images in each condition.
        difference: the second less the first, with its 95 % interval `low` to `high`, images drawn anew for both alike.
        p: of no difference: McNemar's exact test for error and accuracy in one condition, else from the resamples.
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
        """What turns the values into what is printed."""
        return shown_scale(self.unit)

    @property
    def verdict(self) -> str:
        """`B better`, `A better` or `within noise`, after Holm's correction."""
        if self.p_holm >= ALPHA:
            return "within noise"
        return "B better" if (self.difference > 0) == all_metrics()[self.metric].higher_is_better else "A better"


def compare_runs(runs_a: Sequence[StoredRun], runs_b: Sequence[StoredRun]) -> tuple[list[Difference], list[str]]:
    """The differences on every suite that both have measured, and in words what was left out.

    Raises:
        UserError: no common suite, or one that was measured in two ways; the message names the difference.
    """
    first, second = _by_suite(runs_a), _by_suite(runs_b)
    both = [(run, second[suite]) for suite, run in first.items() if suite in second]
    if not both:
        have = f"{', '.join(first)}; {', '.join(second)}"
        raise UserError(f"The runs have no suite in common: {have}. Measure both on the same suite.")
    differences: list[Difference] = []
    notes = [f"only one run has {suite}" for suite in sorted(first.keys() ^ second.keys())]
    for a, b in both:
        _require_comparable(a, b)
        notes += [f"{a.identity.suite}: {text}" for text in _unlike(a, b)]
        every = dict.fromkeys((*a.all_conditions, *b.all_conditions))
        both_have = {c for c in every if all(c in r.all_conditions and r.path(c).exists() for r in (a, b))}
        if len(both_have) < len(every):
            notes.append(f"{a.identity.suite}: {len(both_have)} of {len(every)} conditions are in both")
        if both_have:
            differences += _of_suite(a, b, both_have)
    if not differences:
        raise UserError("The runs have no measured condition in common. Finish one of them first.")
    return differences, notes


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
    if unlike:
        raise UserError(
            f"{a.folder} and {b.folder} were not measured alike ({'; '.join(unlike)}), so their numbers don't compare. "
            "Measure one of them again like the other."
        )


def _unlike(a: StoredRun, b: StoredRun) -> list[str]:
    """What the reader should know of two runs that compare."""
    if a.identity == b.identity:
        return ["both are the same run of the same model"]
    return [
        f"{name} {getattr(a.identity, name)} and {getattr(b.identity, name)}"
        for name in ("precision", "backend")
        if getattr(a.identity, name) != getattr(b.identity, name)
    ]


def _of_suite(a: StoredRun, b: StoredRun, both_have: Collection[Condition]) -> list[Difference]:
    first, second = (
        Sample.of(run.predictions(without=[c for c in run.all_conditions if c not in both_have])) for run in (a, b)
    )
    _require_same_images(a, b, first.predictions, second.predictions)
    others = {(m.metric.name, m.condition, m.severity): m for m in measure(second)[0]}
    pairs = [(m, others[key]) for m in measure(first)[0] if (key := (m.metric.name, m.condition, m.severity)) in others]
    itself = a.identity == b.identity
    found = [_difference(a.identity.suite, m, other, first, second, itself=itself) for m, other in pairs]
    corrected: dict[int, float] = {}
    for name in {d.metric for d in found}:
        rows = [row for row, d in enumerate(found) if d.metric == name]
        corrected |= dict(zip(rows, holm([found[row].p for row in rows]), strict=True))
    return [replace(d, p_holm=corrected[row]) for row, d in enumerate(found)]


def _require_same_images(a: StoredRun, b: StoredRun, first: Predictions, second: Predictions) -> None:
    pairs = [(first, second)]
    if first.reference and second.reference:
        pairs.append((first.reference, second.reference))
    for mine, theirs in pairs:
        if mine.image_ids != theirs.image_ids or (mine.columns["label"] != theirs.columns["label"]).any():
            raise UserError(
                f"{a.folder} and {b.folder} are about other images, or classes stand in another order. "
                "Measure both models on the same data."
            )


def _difference(suite: str, a: Measured, b: Measured, first: Sample, second: Sample, *, itself: bool) -> Difference:
    differences_R = b.values_R - a.values_R
    clean = first.predictions.reference is not None and a.conditions == first.predictions.reference.conditions
    mine, theirs = (sample.clean if clean else sample for sample in (first, second))
    right_a, right_b = (sample.only(a.conditions).column("correct") for sample in (mine, theirs))
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    p = mcnemar(only_a, only_b) if a.metric.name in EXACT else resampled(differences_R)
    n = right_a.shape[1]
    low, high = spread(differences_R) if itself else of_difference(differences_R, a.metric.unit, n)
    return Difference(
        suite,
        a.metric.name,
        a.condition,
        a.severity,
        n,
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


LEADING = {
    "mce": "mCE",
    "mean_corruption_error_unnormalised": "mean corruption error (unnormalised)",
    "shape_bias": "shape bias",
    "error": "top-1 error",
}
"""What the sentence about a suite is about, the first that there is, with its name in running text."""

NAMED = 5
"""Corruptions that the sentence names before it only counts them."""


def in_words(differences: Sequence[Difference], suite: str) -> str:
    """The comparison on a suite in sentences that a reader can quote; A is the first model, B the second."""
    own = [d for d in differences if d.suite == suite]
    ranks = list(LEADING)
    # of plain conditions the last one: the clean images stand before the suite's own
    leads = [d for d in reversed(own) if d.metric in LEADING and not d.severity]
    if not leads:
        return f"On {suite}, too few conditions are in both runs to say anything of the whole."
    lead = min(leads, key=lambda d: ranks.index(d.metric))
    points = " points" if lead.unit == "percent" else " percentage points"
    low, high = sorted((lead.low * lead.scale, lead.high * lead.scale))
    side = "higher than" if lead.difference > 0 else "lower than" if lead.difference < 0 else "away from"
    if lead.metric in EXACT:
        noise = f"By McNemar's exact test (p = {lead.p:.2g}) this is {'within' if lead.p >= ALPHA else 'beyond'} noise."
    elif low <= 0 <= high:
        noise = "The interval contains 0, so this is within noise."
    else:
        noise = "The interval does not contain 0, so this is beyond noise."
    where = suite if lead.condition in (WHOLE, suite) else f"{suite} ({lead.condition} images)"
    text = (
        f"On {where}, B's {LEADING[lead.metric]} is {abs(lead.difference) * lead.scale:.2f}{points} {side} A's "
        f"(95 % interval of the difference {low:+.2f} to {high:+.2f}, n = {lead.n:,} images in each condition). {noise}"
    )
    rows = [d for d in own if d.metric == "corruption_error_unnormalised"]
    if len(rows) < 2:
        return text
    parts = []
    for verdict in ("B better", "A better", "within noise"):
        names = [d.condition for d in rows if d.verdict == verdict]
        listed = f" ({', '.join(names)})" if 0 < len(names) <= NAMED else ""
        parts.append(f"{verdict} on {len(names)}{listed}")
    return f"{text} By corruption, after Holm's correction for {len(rows)} comparisons: {', '.join(parts)}."
