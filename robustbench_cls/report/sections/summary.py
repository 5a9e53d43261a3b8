"""Models by suites: the numbers of a paper's main table."""

from robustbench_cls.core.suite import Measure
from robustbench_cls.report.block import block
from robustbench_cls.report.labels import Column
from robustbench_cls.report.section import ReportData, Section
from robustbench_cls.report.sections import calibration, corruptions
from robustbench_cls.report.template import fill


def measures(column: Column) -> list[Measure]:
    """The headline of a suite, and of its other measures those that no other table shows."""
    elsewhere = [*calibration.shown(column), *corruptions.shown(column)]
    return [*column.measures[:1], *(measure for measure in column.measures[1:] if measure not in elsewhere)]


def partial_notes(column: Column) -> list[str]:
    """In words, which runs of a suite are not complete."""
    return [
        f"{entry.model} on {entry.suite}: {len(missing)} of {len(entry.run.all_conditions)} conditions missing."
        for entry in column.runs
        if (missing := entry.run.missing())
    ]


def render(data: ReportData) -> str:
    """The table with its legend; empty where there are no runs."""
    blocks = [b for column in data.columns if (b := block(column, measures(column), data)).headings]
    if not blocks:
        return ""
    shown = {heading.metric.name: heading.metric for b in blocks for heading in b.headings}
    cells = [cell for b in blocks for cell in b.cells]
    return fill(
        "summary.html",
        rows=data.models,
        blocks=blocks,
        metrics=list(shown.values()),
        partial=[note for b in blocks for note in partial_notes(b.column)],
        best=any(b.best for b in blocks),
        intervals=any(cell.interval for cell in cells),
        split=[b.column for b in blocks if b.column.apart],
    )


SECTION = Section(name="summary", title="Summary", order=10, render=render)
