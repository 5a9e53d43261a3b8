"""Scores by what they are about, and as they are printed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import isinf
from typing import TypeAlias

from robustbench_cls.core.metric import Score, shown_scale
from robustbench_cls.core.suite import Measure
from robustbench_cls.metrics.scoring import all_metrics
from robustbench_cls.report.labels import LabelledRun

ScoreTable: TypeAlias = Mapping[tuple[str, str, str, int, str], Score]
"""(model, suite, condition, severity, metric) -> score, by the labels of `label_runs`."""

ABSENT = "\N{EN DASH}"
OVERLAP = "†"
PARTIAL = "‡"


@dataclass(frozen=True)
class Cell:
    """One number of a table, as it is printed.

    Attributes:
        n: images in each condition it is computed from; 0 where there is no number.
        interval: its 95 % interval.
        marks: daggers that the table's legend explains.
    """

    text: str = ABSENT
    n: int = 0
    best: bool = False
    marks: str = ""
    interval: str = ""


def score_table(scores: Sequence[Score]) -> ScoreTable:
    """The scores by what they are about."""
    return {(s.model, s.suite, s.condition, s.severity, s.metric): s for s in scores}


def find(table: ScoreTable, entry: LabelledRun, metric: str, condition: str, severity: int = 0) -> list[Score]:
    """The one score of that run, or an empty list."""
    score = table.get((entry.model, entry.suite, condition, severity, metric))
    return [score] if score else []


def ranked(table: ScoreTable, entries: Sequence[LabelledRun], measure: Measure) -> list[tuple[LabelledRun, Score]]:
    """The runs that have this number, each with it, the best first."""
    found = [(entry, score) for entry in entries for score in find(table, entry, measure.metric, measure.where)]
    higher = all_metrics()[measure.metric].higher_is_better
    return sorted(found, key=lambda pair: pair[1].value, reverse=higher)


def decimals(unit: str) -> int:
    """Decimal places: one for percent, three for small numbers."""
    return 3 if unit in ("nats", "number") else 1


def shown_value(score: Score) -> float:
    """The value as a reader sees it: fractions in percent, rounded."""
    return round(score.value * shown_scale(score.unit), decimals(score.unit))


def number(value: float, *, signed: bool = False, decimals: int = 1) -> str:
    """With a true minus sign and no negative zero."""
    if isinf(value):
        return "\N{INFINITY}" if value > 0 else "\N{MINUS SIGN}\N{INFINITY}"
    rounded = round(value, decimals) + 0.0
    return f"{rounded:{'+' if signed and rounded else ''}.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def interval(score: Score) -> str:
    """`65.1 to 68.4`, in the unit of the number it belongs to."""
    ends = (number(end * shown_scale(score.unit), decimals=decimals(score.unit)) for end in (score.low, score.high))
    return " to ".join(ends)


def unit_of_difference(unit: str) -> str:
    """The unit behind a difference of two such numbers; empty for plain numbers."""
    return {"nats": " nats", "number": "", "percent": " points"}.get(unit, " percentage points")


def thousands(count: int) -> str:
    """`50 000`, with a space that does not break."""
    return f"{count:,}".replace(",", "\N{NO-BREAK SPACE}")


def ends(counts: Collection[int]) -> str:
    """`40`, or `40 to 1 000` where counts differ."""
    return " to ".join(thousands(count) for count in dict.fromkeys((min(counts), max(counts)))) if counts else ABSENT


def cell(score: Score | None, marks: str, *, best: bool) -> Cell:
    """The cell of a score, or of none."""
    if score is None:
        return Cell(marks=marks)
    text = number(shown_value(score), decimals=decimals(score.unit))
    return Cell(text, score.n, best, marks, interval(score))
