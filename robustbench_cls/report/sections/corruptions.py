"""Numbers by corruption, and their means over the suite."""

from collections.abc import Sequence
from dataclasses import dataclass

from robustbench_cls.core.metric import Metric
from robustbench_cls.core.scopes import HELD_OUT, Scope
from robustbench_cls.core.suite import WHOLE, Measure
from robustbench_cls.metrics.scoring import all_metrics
from robustbench_cls.report import values
from robustbench_cls.report.block import cells
from robustbench_cls.report.labels import Column
from robustbench_cls.report.section import ReportData, Section
from robustbench_cls.report.template import fill
from robustbench_cls.report.values import PARTIAL, Cell


@dataclass(frozen=True)
class Row:
    """One corruption, or a mean over several: for each model a cell for each metric."""

    title: str
    cells: list[list[Cell]]


@dataclass(frozen=True)
class Table:
    """The table of one suite; `held_out` are the corruptions that no recipe in it contains."""

    column: Column
    metrics: list[Metric]
    groups: dict[str, list[Row]]
    means: list[Row]
    held_out: list[str]

    @property
    def cells(self) -> list[Cell]:
        """Every cell of the table."""
        rows = [*self.means, *(row for own in self.groups.values() for row in own)]
        return [cell for row in rows for own in row.cells for cell in own]

    @property
    def counts(self) -> str:
        """Images in each condition."""
        return values.ends({cell.n for cell in self.cells if cell.n})

    @property
    def partial(self) -> bool:
        """Some numbers have to wait for conditions that are missing."""
        return any(PARTIAL in cell.marks for cell in self.cells)

    @property
    def best(self) -> bool:
        """Some cell is in bold."""
        return any(cell.best for cell in self.cells)


def shown(column: Column) -> list[Measure]:
    """The measures of a suite that are about one corruption each."""
    names = {condition.name for condition in column.corrupted}
    return [measure for measure in column.measures if measure.where in names]


def build(column: Column, data: ReportData) -> Table:
    """The table of a suite: metrics of one corruption that it is about or about the means of, and these means."""
    known = all_metrics()
    means = [m for m in column.measures if known[m.metric].by_corruption and m.where == WHOLE]
    names_of_metrics = [*(known[m.metric].by_corruption for m in means), *(m.metric for m in shown(column))]
    named = [known[name] for name in dict.fromkeys(names_of_metrics)]
    present = {key[4] for key in data.table if key[1] == column.label}
    metrics = [metric for metric in named if metric.name in present]
    held_out = [name for name in column.counted if name not in column.contained]
    groups = {
        group: [_row(name.replace("_", " "), [Measure(m.name, name) for m in metrics], column, data) for name in names]
        for group, names in column.groups.items()
    }
    rows = []
    for scope in dict.fromkeys(known[m.metric].scope for m in means):
        names = held_out if scope is HELD_OUT else column.counted
        if names and (scope is not HELD_OUT or column.contained):
            own = [_mean_of(metric, scope, means) for metric in metrics]
            rows.append(_row(scope.mean_of.format(n=len(names)), own, column, data))
    return Table(column, metrics, groups, rows, held_out)


def _mean_of(metric: Metric, scope: Scope, means: Sequence[Measure]) -> Measure | None:
    """The measure that is the mean of this metric over such a place."""
    known = all_metrics()
    own = (m for m in means if known[m.metric].by_corruption == metric.name and known[m.metric].scope is scope)
    return next(own, None)


def _row(title: str, measures: Sequence[Measure | None], column: Column, data: ReportData) -> Row:
    """The cells of one row, those of one model side by side."""
    by_measure = [cells(measure, column, data) if measure else {} for measure in measures]
    return Row(title, [[own.get(entry.model, Cell()) for own in by_measure] for entry in column.runs])


def render(data: ReportData) -> str:
    """A table for each suite of corruptions; empty where none was measured."""
    tables = [table for column in data.columns if column.corrupted and (table := build(column, data)).metrics]
    return fill("corruptions.html", tables=tables) if tables else ""


SECTION = Section(name="corruptions", title="Corruptions", order=20, render=render)
