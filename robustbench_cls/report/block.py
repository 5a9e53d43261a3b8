"""Tables of models by measures, a block of columns for each suite."""

from collections.abc import Sequence
from dataclasses import dataclass

from robustbench_cls.core.metric import Metric, Score
from robustbench_cls.report import values
from robustbench_cls.report.labels import Column, LabelledRun
from robustbench_cls.report.values import OVERLAP, PARTIAL, Cell, ScoreTable


@dataclass(frozen=True)
class Measure:
    """One column of numbers inside a suite."""

    title: str
    metric: Metric
    condition: str
    severity: int = 0

    @property
    def whole_suite(self) -> bool:
        """The number is over all conditions of the suite."""
        return self.metric.scope == "suite"


@dataclass(frozen=True)
class Block:
    """The columns of one suite, with a row of cells for each model.

    Attributes:
        counts: for each column the images in each condition; 0 where rows differ and each cell says its own.
    """

    column: Column
    measures: tuple[Measure, ...]
    rows: dict[str, list[Cell]]
    counts: tuple[int, ...]


def block(column: Column, shown: Sequence[Measure], rows: Sequence[str], table: ScoreTable) -> Block:
    """The cells of one suite: of each model in `rows`, what is to be shown."""
    by_model = {entry.model: entry for entry in column.runs}
    filled: dict[str, list[Cell]] = {row: [] for row in rows}
    for measure in shown:
        entries = [by_model[row] for row in rows if row in by_model]
        found = [_scores(measure, entry, column, table) for entry in entries]
        marks = [_marks(measure, entry, bool(scores)) for entry, scores in zip(entries, found, strict=True)]
        cells = values.cells(found, marks, higher_is_better=measure.metric.higher_is_better)
        by_row = dict(zip((entry.model for entry in entries), cells, strict=True))
        for row in rows:
            filled[row].append(by_row.get(row, Cell()))
    counts = [{cells[i].n for cells in filled.values() if cells[i].n} for i in range(len(shown))]
    return Block(column, tuple(shown), filled, tuple(min(found) if len(found) == 1 else 0 for found in counts))


def _scores(measure: Measure, entry: LabelledRun, column: Column, table: ScoreTable) -> list[Score]:
    """The score; relative mCE only where mCE and the clean accuracy stand beside it."""
    found = values.find(table, entry, measure.metric.name, measure.condition, measure.severity)
    if measure.metric.name != "relative_mce":
        return found
    clean = column.reference.name if column.reference else ""
    beside = values.find(table, entry, "mce", values.WHOLE_SUITE) and values.find(table, entry, "top1_accuracy", clean)
    return found if beside else []


def _marks(measure: Measure, entry: LabelledRun, found: bool) -> str:
    overlapping = measure.whole_suite and values.overlaps(entry) & {c.name for c in entry.run.conditions}
    partial = entry.run.missing() and (measure.whole_suite or not found)
    return (OVERLAP if overlapping and found else "") + (PARTIAL if partial else "")
