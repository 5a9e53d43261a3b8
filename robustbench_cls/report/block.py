"""Tables of models by measures, a block of columns for each suite."""

from collections.abc import Sequence
from dataclasses import dataclass

from robustbench_cls.core.metric import Metric
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

    @property
    def cells(self) -> list[Cell]:
        """Every cell."""
        return [cell for own in self.rows.values() for cell in own]

    @property
    def best(self) -> bool:
        """Some cell is in bold."""
        return any(cell.best for cell in self.cells)

    @property
    def marks(self) -> str:
        """The daggers of all cells."""
        return "".join(cell.marks for cell in self.cells)


def block(column: Column, measures: Sequence[Measure], data: ReportData) -> Block:
    """The cells of one suite: these measures, as far as any model has them."""
    every = {measure: cells(measure, column, data) for measure in measures}
    shown = {measure: own for measure, own in every.items() if any(cell.n for cell in own.values())}
    headings = tuple(Heading(column.title(measure), all_metrics()[measure.metric]) for measure in shown)
    rows = {model: [own.get(model, Cell()) for own in shown.values()] for model in data.models}
    counts = [{cell.n for cell in own.values() if cell.n} for own in shown.values()]
    return Block(column, headings, rows, tuple(min(found) if len(found) == 1 else 0 for found in counts))


def cells(measure: Measure, column: Column, data: ReportData) -> dict[str, Cell]:
    """The cells of one measure by model, in bold the one that is better than every other one beyond noise."""
    ranked = values.ranked(data.table, column.runs, measure)
    ranked = [(entry, score) for entry, score in ranked if _may_stand(measure, entry, column, data)]
    scores = {entry.model: score for entry, score in ranked}
    runs = [entry for entry, _ in ranked]
    best = runs[0].model if len(runs) > 1 and not data.paired.level(measure, runs) else ""
    found = {}
    for entry in column.runs:
        score = scores.get(entry.model)
        contains = score and entry.overlaps & column.about(measure)
        marks = (OVERLAP if contains else "") + (PARTIAL if not score and entry.run.missing() else "")
        found[entry.model] = values.cell(score, marks, best=entry.model == best)
    return found


def _may_stand(measure: Measure, entry: LabelledRun, column: Column, data: ReportData) -> bool:
    """The metrics without which this one misleads stand beside it."""
    return all(
        any(values.find(data.table, entry, m.metric, m.where) for m in column.measures if m.metric == name)
        for name in all_metrics()[measure.metric].beside
    )
