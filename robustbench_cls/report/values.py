"""Scores by what they are about, and as they are printed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isinf
from typing import TypeAlias

from robustbench_cls.core.metric import Score, shown_scale
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


def cell(found: Sequence[Score], marks: str, *, best: bool) -> Cell:
    """The cell of a score, or of none."""
    if not found:
        return Cell(marks=marks)
    score = found[0]
    text = number(shown_value(score), decimals=decimals(score.unit))
    return Cell(text, score.n, best, marks, interval(score))
