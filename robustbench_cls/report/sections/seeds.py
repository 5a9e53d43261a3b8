"""Several trainings of one recipe that differ in their seed alone: mean, spread between seeds, noise within a run."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from robustbench_cls.core.metric import Score, shown_scale
from robustbench_cls.core.records import as_record
from robustbench_cls.core.suite import Measure
from robustbench_cls.report import values
from robustbench_cls.report.labels import Column, LabelledRun
from robustbench_cls.report.section import ReportData, Section
from robustbench_cls.report.sections.summary import measures
from robustbench_cls.report.template import fill
from robustbench_cls.report.values import ScoreTable


@dataclass(frozen=True)
class Row:
    """One metric over the seeds of one recipe, as it is printed.

    Attributes:
        spread: standard deviation between the seeds.
        within: half the width of a run's own 95 % interval, which comes from the images; the mean of the runs'.
    """

    recipe: str
    suite: str
    metric: str
    mean: str
    spread: str
    ends: str
    within: str
    seeds: int
    n: int


def groups(column: Column) -> list[list[LabelledRun]]:
    """Complete runs of trainings that differ in their seed alone, where there are two or more."""
    found: dict[str, list[LabelledRun]] = {}
    for entry in column.runs:
        origin = entry.run.origin
        if origin.recipe and origin.seed is not None and not entry.run.missing():
            alike = as_record(replace(origin, seed=None, weights="", epoch=None, versions={}))
            found.setdefault(json.dumps(alike, sort_keys=True), []).append(entry)
    return [own for own in found.values() if len({entry.run.origin.seed for entry in own}) > 1]


def rows(column: Column, table: ScoreTable) -> list[Row]:
    """The measures of the summary, of every group of a suite."""
    found = []
    for own in groups(column):
        for measure in measures(column):
            scores = [s for entry in own for s in values.find(table, entry, measure.metric, measure.where)]
            if len(scores) == len(own):
                found.append(_row(own, column, measure, scores))
    return found


def _row(own: Sequence[LabelledRun], column: Column, measure: Measure, scores: Sequence[Score]) -> Row:
    origin = own[0].run.origin
    unit = scores[0].unit
    shown = [score.value * shown_scale(unit) for score in scores]
    halves = [(score.high - score.low) / 2 * shown_scale(unit) for score in scores]
    number = partial(values.number, decimals=values.decimals(unit))
    return Row(
        recipe=f"{origin.architecture}, {origin.recipe}",
        suite=column.label,
        metric=column.title(measure),
        mean=number(statistics.mean(shown)),
        spread=number(statistics.stdev(shown)),
        ends=f"{number(min(shown))} to {number(max(shown))}",
        within=number(statistics.mean(halves)),
        seeds=len(own),
        n=min(score.n for score in scores),
    )


def render(data: ReportData) -> str:
    """A table over the recipes with several seeds; empty where each has one."""
    found = [row for column in data.columns for row in rows(column, data.table)]
    return fill("seeds.html", rows=found) if found else ""


SECTION = Section(name="seeds", title="Several seeds of one recipe", order=25, render=render)
