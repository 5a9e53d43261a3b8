"""Error of each corruption, and CE where AlexNet's errors compare."""

from collections.abc import Sequence
from dataclasses import dataclass

from robustbench_cls.core.corruption import EXTRA
from robustbench_cls.report import values
from robustbench_cls.report.labels import Column, columns
from robustbench_cls.report.section import ReportData, Section
from robustbench_cls.report.template import fill
from robustbench_cls.report.values import OVERLAP, PARTIAL, Cell, ScoreTable

OF_ONE = ("corruption_error_unnormalised", "ce")
OF_ALL = ("mean_corruption_error_unnormalised", "mce")
OF_HELD_OUT = ("held_out_error", "held_out_mce")
"""The metrics of a row's two numbers."""


@dataclass(frozen=True)
class Row:
    """One corruption, or a mean over several: for each model the error and, where there is one, the CE."""

    title: str
    errors: list[Cell]
    ces: list[Cell]


@dataclass(frozen=True)
class Table:
    """The table of one suite; `held_out` are the corruptions that no recipe in it contains."""

    column: Column
    groups: dict[str, list[Row]]
    means: list[Row]
    has_ce: bool
    overlapping: list[str]
    held_out: list[str]
    partial: bool

    @property
    def counts(self) -> list[int]:
        """Images in each condition, once where all models have the same."""
        cells = [cell for rows in self.groups.values() for row in rows for cell in row.errors]
        return sorted({cell.n for cell in cells if cell.n})


def build(column: Column, table: ScoreTable) -> Table:
    """All rows of a suite's table."""
    names = list(dict.fromkeys(condition.name for condition in column.corrupted))
    counted = [name for name in names if name not in EXTRA]
    contained = frozenset(name for entry in column.runs for name in values.overlaps(entry))
    held_out = [name for name in counted if name not in contained]
    overlapping = sorted(contained & set(names))
    groups = {
        group: [_row(name.replace("_", " "), OF_ONE, name, [name], column, table) for name in members]
        for group, members in values.by_group(names).items()
    }
    whole = values.WHOLE_SUITE
    means = [_row(f"Mean of {len(counted)}", OF_ALL, whole, counted, column, table)] if counted else []
    if overlapping and held_out:
        means.append(_row(f"Mean of {len(held_out)} held out", OF_HELD_OUT, whole, held_out, column, table))
    rows = [row for rows in groups.values() for row in rows] + means
    return Table(
        column,
        groups,
        means,
        has_ce=any(cell.n for row in rows for cell in row.ces),
        overlapping=overlapping,
        held_out=held_out,
        partial=any(PARTIAL in cell.marks for row in rows for cell in row.errors),
    )


def _row(
    title: str, metrics: tuple[str, str], condition: str, names: Sequence[str], column: Column, table: ScoreTable
) -> Row:
    error, ce = (_cells(metric, condition, names, column, table) for metric in metrics)
    return Row(title, error, ce)


def _cells(metric: str, condition: str, names: Sequence[str], column: Column, table: ScoreTable) -> list[Cell]:
    marks = []
    for entry in column.runs:
        partial = any(condition.name in names for condition in entry.run.missing())
        overlapping = values.overlaps(entry) & set(names)
        marks.append((OVERLAP if overlapping else "") + (PARTIAL if partial else ""))
    found = [values.find(table, entry, metric, condition) for entry in column.runs]
    return values.cells(found, marks, higher_is_better=False)


def render(data: ReportData) -> str:
    """A table for each suite of corruptions; empty where none was measured."""
    table = values.score_table(data.scores)
    tables = [build(column, table) for column in columns(data.runs) if column.corrupted]
    tables = [t for t in tables if any(cell.n for rows in t.groups.values() for row in rows for cell in row.errors)]
    return fill("corruptions.html", tables=tables) if tables else ""


SECTION = Section(name="corruptions", title="Error by corruption", order=20, render=render)
