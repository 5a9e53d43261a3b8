"""Models by suites: the numbers of a paper's main table."""

from collections.abc import Sequence
from dataclasses import dataclass

from robustbench_cls.core.metric import Metric, Score
from robustbench_cls.metrics.scoring import all_metrics
from robustbench_cls.report import values
from robustbench_cls.report.labels import Column, LabelledRun, columns, models
from robustbench_cls.report.section import ReportData, Section
from robustbench_cls.report.template import fill
from robustbench_cls.report.values import OVERLAP, PARTIAL, Cell, ScoreTable

FIRST = ("mce", "relative_mce", "mean_corruption_error_unnormalised", "held_out_mce", "held_out_error")
"""Whole-suite metrics in the order of the literature; others follow by name."""

BASELINE = ("mce", "relative_mce")
"""Numbers relative to AlexNet."""


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


def measures(column: Column, table: ScoreTable) -> tuple[Measure, ...]:
    """What the table shows of a suite: its whole-suite metrics, its clean conditions and the reference."""
    known = all_metrics()
    ranked = sorted(known, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))
    present = {key[4] for key in table if key[1:4] == (column.label, values.WHOLE_SUITE, 0)}
    found = [Measure(known[name].title, known[name], values.WHOLE_SUITE) for name in ranked if name in present]
    plain = [condition for condition in column.conditions if not condition.severity]
    for condition in plain:
        prefix = f"{condition.name}: " if len(plain) > 1 else ""
        found.append(Measure(f"{prefix}Top-1 accuracy", known["top1_accuracy"], condition.name))
        if any(_restricted(entry) for entry in column.runs):
            metric = known["head_top1_accuracy"]
            found.append(Measure(f"{prefix}Top-1, all head classes", metric, condition.name))
    if column.reference:
        found.append(Measure("Clean top-1, same classes", known["top1_accuracy"], column.reference.name))
    return tuple(found)


def _restricted(entry: LabelledRun) -> bool:
    identity = entry.run.identity
    return identity.label_space_sha256 != identity.classes_sha256


def block(column: Column, rows: Sequence[str], table: ScoreTable) -> Block:
    """The cells of one suite."""
    by_model = {entry.model: entry for entry in column.runs}
    filled: dict[str, list[Cell]] = {row: [] for row in rows}
    shown = measures(column, table)
    for measure in shown:
        entries = [by_model[row] for row in rows if row in by_model]
        found = [_shown(measure, entry, column, table) for entry in entries]
        marks = [_marks(measure, entry, bool(scores)) for entry, scores in zip(entries, found, strict=True)]
        cells = values.cells(found, marks, higher_is_better=measure.metric.higher_is_better)
        by_row = dict(zip((entry.model for entry in entries), cells, strict=True))
        for row in rows:
            filled[row].append(by_row.get(row, Cell()))
    counts = [{cells[i].n for cells in filled.values() if cells[i].n} for i in range(len(shown))]
    return Block(column, shown, filled, tuple(min(found) if len(found) == 1 else 0 for found in counts))


def _shown(measure: Measure, entry: LabelledRun, column: Column, table: ScoreTable) -> list[Score]:
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


def partial_notes(column: Column) -> list[str]:
    """In words, which runs of a suite are not complete."""
    return [
        f"{entry.model} on {entry.suite}: {len(missing)} of {len(entry.run.all_conditions)} conditions missing."
        for entry in column.runs
        if (missing := entry.run.missing())
    ]


def render(data: ReportData) -> str:
    """The table with its legend; empty where there are no runs."""
    rows = models(data.runs)
    table = values.score_table(data.scores)
    blocks = [block(column, rows, table) for column in columns(data.runs)]
    blocks = [b for b in blocks if b.measures]
    if not blocks:
        return ""
    shown = {measure.metric.name: measure.metric for b in blocks for measure in b.measures}
    marks = "".join(cell.marks for b in blocks for cells in b.rows.values() for cell in cells)
    counts = [cell.n for b in blocks for cells in b.rows.values() for cell in cells if cell.n]
    return fill(
        "summary.html",
        rows=rows,
        blocks=blocks,
        metrics=list(shown.values()),
        baseline=[shown[name].title for name in BASELINE if name in shown],
        partial=[note for b in blocks for note in partial_notes(b.column)],
        overlap=OVERLAP in marks,
        smallest=min(counts, default=0),
        split=[b.column for b in blocks if b.column.apart],
    )


SECTION = Section(name="summary", title="Summary", order=10, render=render)
