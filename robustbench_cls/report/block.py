"""Tables of models by measures, a block of columns for each suite."""

from collections.abc import Sequence
from dataclasses import dataclass

from robustbench_cls.core.metric import Metric, Score
from robustbench_cls.core.scopes import CONDITION, SHIFT
from robustbench_cls.core.suite import Measure
from robustbench_cls.metrics.scoring import all_metrics
from robustbench_cls.report import values
from robustbench_cls.report.labels import Column, LabelledRun
from robustbench_cls.report.section import ReportData
from robustbench_cls.report.values import OVERLAP, PARTIAL, Cell


@dataclass(frozen=True)
class Heading:
    """The head of one column of numbers."""

    title: str
    metric: Metric


@dataclass(frozen=True)
class Block:
    """The columns of one suite, with a row of cells for each model.

    Attributes:
        counts: for each column the images in each condition; 0 where rows differ and each cell says its own.
    """

    column: Column
    headings: tuple[Heading, ...]
    rows: dict[str, list[Cell]]
    counts: tuple[int, ...]


def block(column: Column, measures: Sequence[Measure], data: ReportData) -> Block:
    """The cells of one suite: these measures, as far as any model has them."""
    cells = {measure: _cells(measure, column, data) for measure in measures}
    cells = {measure: own for measure, own in cells.items() if any(cell.n or cell.marks for cell in own.values())}
    headings = tuple(Heading(column.title(measure), all_metrics()[measure.metric]) for measure in cells)
    rows = {model: [own.get(model, Cell()) for own in cells.values()] for model in data.models}
    counts = [{cell.n for cell in own.values() if cell.n} for own in cells.values()]
    return Block(column, headings, rows, tuple(min(found) if len(found) == 1 else 0 for found in counts))


def _cells(measure: Measure, column: Column, data: ReportData) -> dict[str, Cell]:
    """By model, the best in bold where it is better than every other one beyond noise; partial numbers never are."""
    metric = all_metrics()[measure.metric]
    found = {entry.model: _scores(measure, entry, column, data) for entry in column.runs}
    if not any(found.values()):
        return {}
    marks = {entry.model: _marks(metric, entry, bool(found[entry.model])) for entry in column.runs}
    rivals = {model: own[0].value for model, own in found.items() if own and PARTIAL not in marks[model]}
    best = data.paired.winner(metric, measure.where, rivals, column.runs)
    return {model: values.cell(own, marks[model], best=model == best) for model, own in found.items()}


def _scores(measure: Measure, entry: LabelledRun, column: Column, data: ReportData) -> list[Score]:
    """The score; of a metric that misleads alone only where its companions stand beside it."""
    for name in all_metrics()[measure.metric].beside:
        companions = [m for m in column.measures if m.metric == name]
        if not any(values.find(data.table, entry, m.metric, m.where) for m in companions):
            return []
    return values.find(data.table, entry, measure.metric, measure.where)


def _marks(metric: Metric, entry: LabelledRun, found: bool) -> str:
    whole = metric.scope not in (CONDITION, SHIFT)
    overlapping = whole and entry.overlaps & {c.name for c in entry.run.conditions}
    partial = entry.run.missing() and (whole or not found)
    return (OVERLAP if overlapping and found else "") + (PARTIAL if partial else "")
