"""Scores by what they are about, and as they are printed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from robustbench_cls.core.corruption import EXTRA, GROUPS
from robustbench_cls.core.metric import Score, shown_scale
from robustbench_cls.report.labels import LabelledRun

if TYPE_CHECKING:
    import pandas as pd

ScoreTable: TypeAlias = Mapping[tuple[str, str, str, int, str], Score]
"""(model, suite, condition, severity, metric) -> score, by the labels of `label_runs`."""

WHOLE_SUITE = "all"
ABSENT = "\N{EN DASH}"
OVERLAP = "†"
PARTIAL = "‡"

_KNOWN = {name for members in GROUPS.values() for name in members} | set(EXTRA)


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


def score_table(scores: "pd.DataFrame") -> ScoreTable:
    """The rows of a tidy table by what they are about."""
    rows = [Score(**{str(name): value for name, value in row.items()}) for row in scores.to_dict("records")]
    return {(s.model, s.suite, s.condition, s.severity, s.metric): s for s in rows}


def find(table: ScoreTable, entry: LabelledRun, metric: str, condition: str, severity: int = 0) -> list[Score]:
    """The one score of that run, or an empty list."""
    score = table.get((entry.model, entry.suite, condition, severity, metric))
    return [score] if score else []


def decimals(unit: str) -> int:
    """One of what is in percent, three of what is small."""
    return 3 if unit in ("nats", "number") else 1


def shown_value(score: Score) -> float:
    """The value as a reader sees it: fractions in percent, rounded."""
    return round(score.value * shown_scale(score.unit), decimals(score.unit))


def number(value: float, *, signed: bool = False, decimals: int = 1) -> str:
    """With a true minus sign and no negative zero."""
    rounded = round(value, decimals) + 0.0
    return f"{rounded:{'+' if signed and rounded else ''}.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def interval(score: Score) -> str:
    """`65.1 to 68.4`, in the unit of the number it belongs to."""
    ends = (number(end * shown_scale(score.unit), decimals=decimals(score.unit)) for end in (score.low, score.high))
    return " to ".join(ends)


def cells(found: Sequence[Sequence[Score]], marks: Sequence[str], *, higher_is_better: bool) -> list[Cell]:
    """The cells of one column (or row) of comparable numbers, the best in bold.

    Partial numbers never count as best, and a single number has nothing to be better than.
    """
    rivals = [shown_value(s) for scores, mark in zip(found, marks, strict=True) for s in scores if PARTIAL not in mark]
    best = [(max if higher_is_better else min)(rivals)] if len(rivals) > 1 else []
    return [
        Cell(
            number(shown_value(scores[0]), decimals=decimals(scores[0].unit)),
            scores[0].n,
            PARTIAL not in mark and shown_value(scores[0]) in best,
            mark,
            interval(scores[0]),
        )
        if scores
        else Cell(marks=mark)
        for scores, mark in zip(found, marks, strict=True)
    ]


def overlaps(entry: LabelledRun) -> frozenset[str]:
    """The test corruptions that the augmentation of this run's recipe contains."""
    return frozenset(str(name) for name in entry.run.provenance.get("recipe_overlaps") or ())


def by_group(names: Sequence[str]) -> dict[str, list[str]]:
    """Corruptions by group in the order of the literature; those unknown to it come last."""
    order = {**GROUPS, "extra": EXTRA, "other": tuple(n for n in names if n not in _KNOWN)}
    present = set(names)
    grouped = {group: [name for name in members if name in present] for group, members in order.items()}
    return {group: list(dict.fromkeys(members)) for group, members in grouped.items() if members}
