"""Errors by corruption, and their means over the suite."""

from collections.abc import Sequence
from dataclasses import dataclass

from robustbench_cls.core.metric import Metric
from robustbench_cls.core.scopes import HELD_OUT, Scope
from robustbench_cls.core.suite import WHOLE, Measure
from robustbench_cls.metrics.scoring import all_metrics
from robustbench_cls.report import values
from robustbench_cls.report.labels import Column
from robustbench_cls.report.section import ReportData, Section
from robustbench_cls.report.template import fill
from robustbench_cls.report.values import OVERLAP, PARTIAL, Cell


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
    def counts(self) -> list[int]:
        """Images in each condition, once where all models have the same."""
        return sorted({cell.n for cell in self.cells if cell.n})

    @property
    def partial(self) -> bool:
        """Some numbers are over fewer severities than the suite has."""
        return any(PARTIAL in cell.marks for cell in self.cells)

    @property
    def best(self) -> bool:
        """Some cell is in bold."""
        return any(cell.best for cell in self.cells)


def build(column: Column, data: ReportData) -> Table:
    """The table of a suite: the metrics of one corruption that its measures are means of, and these means."""
    known = all_metrics()
    means = [m for m in column.measures if known[m.metric].by_corruption and m.where == WHOLE]
    metrics = [known[name] for name in dict.fromkeys(known[m.metric].by_corruption for m in means)]
    metrics = [metric for metric in metrics if _exists(metric, column, data)]
    held_out = [name for name in column.counted if name not in column.contained]
    groups = {
        group: [_row(name.replace("_", " "), [(m, name) for m in metrics], [name], column, data) for name in names]
        for group, names in column.groups.items()
    }
    rows = []
    for scope in dict.fromkeys(known[m.metric].scope for m in means):
        names = held_out if scope is HELD_OUT else column.counted
        if names and (scope is not HELD_OUT or column.contained):
            places = [(_mean_of(metric, scope, means), WHOLE) for metric in metrics]
            rows.append(_row(scope.mean_of.format(n=len(names)), places, names, column, data))
    return Table(column, metrics, groups, rows, held_out)


def _exists(metric: Metric, column: Column, data: ReportData) -> bool:
    names = [name for own in column.groups.values() for name in own]
    return any(values.find(data.table, entry, metric.name, name) for entry in column.runs for name in names)


def _mean_of(metric: Metric, scope: Scope, means: Sequence[Measure]) -> Metric | None:
    known = all_metrics()
    found = [known[m.metric] for m in means if known[m.metric].by_corruption == metric.name]
    return next((mean for mean in found if mean.scope is scope), None)


def _row(
    title: str, places: Sequence[tuple[Metric | None, str]], names: Sequence[str], column: Column, data: ReportData
) -> Row:
    """The cells of one row: of each model, these metrics where they stand; the row is about the corruptions `names`."""
    marks = {}
    for entry in column.runs:
        partial = any(condition.name in names for condition in entry.run.missing())
        marks[entry.model] = (OVERLAP if entry.overlaps & set(names) else "") + (PARTIAL if partial else "")
    by_metric = []
    for metric, where in places:
        found = {e.model: values.find(data.table, e, metric.name, where) if metric else [] for e in column.runs}
        rivals = {model: own[0].value for model, own in found.items() if own and PARTIAL not in marks[model]}
        best = data.paired.winner(metric, where, rivals, column.runs) if metric else ""
        by_metric.append([values.cell(own, marks[model], best=model == best) for model, own in found.items()])
    return Row(title, [list(cells) for cells in zip(*by_metric, strict=True)])


def render(data: ReportData) -> str:
    """A table for each suite of corruptions; empty where none was measured."""
    tables = [build(column, data) for column in data.columns if column.corrupted]
    tables = [table for table in tables if table.metrics and table.counts]
    return fill("corruptions.html", tables=tables) if tables else ""


SECTION = Section(name="corruptions", title="Error by corruption", order=20, render=render)
