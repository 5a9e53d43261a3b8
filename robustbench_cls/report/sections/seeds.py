"""Several trainings of one recipe that differ in their seed alone: mean, spread between seeds, noise within a run."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from robustbench_cls.core.metric import Score, shown_scale
from robustbench_cls.metrics.scoring import all_metrics
from robustbench_cls.report import values
from robustbench_cls.report.labels import Column, LabelledRun, columns
from robustbench_cls.report.section import ReportData, Section
from robustbench_cls.report.template import fill
from robustbench_cls.report.values import ScoreTable

SHOWN = ("mce", "mean_corruption_error_unnormalised", "top1_accuracy")
"""Of a whole suite, or of its conditions without severity."""

SAME = ("architecture", "recipe", "settings", "training_data")
"""What trainings share whose seeds are compared."""


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
        told = entry.run.provenance
        if told.get("recipe") and "training_seed" in told and not entry.run.missing():
            found.setdefault(json.dumps([told.get(name) for name in SAME], sort_keys=True), []).append(entry)
    return [own for own in found.values() if len({entry.run.provenance["training_seed"] for entry in own}) > 1]


def rows(column: Column, table: ScoreTable) -> list[Row]:
    """Every metric shown of every group of a suite."""
    plain = [condition.name for condition in column.conditions if not condition.severity]
    places = [values.WHOLE_SUITE, *plain] + ([column.reference.name] if column.reference else [])
    found = []
    for own in groups(column):
        for metric in SHOWN:
            for place in places:
                scores = [score for entry in own for score in values.find(table, entry, metric, place)]
                if len(scores) == len(own):
                    found.append(_row(own, column, metric, place, scores))
    return found


def _row(own: Sequence[LabelledRun], column: Column, metric: str, place: str, scores: Sequence[Score]) -> Row:
    told = own[0].run.provenance
    shown = [score.value * shown_scale(score.unit) for score in scores]
    halves = [(score.high - score.low) / 2 * shown_scale(score.unit) for score in scores]
    title = all_metrics()[metric].title
    return Row(
        recipe=f"{told['architecture']}, {told['recipe']}",
        suite=column.label,
        metric=title if place == values.WHOLE_SUITE else f"{title}, {place}",
        mean=values.number(statistics.mean(shown)),
        spread=values.number(statistics.stdev(shown)),
        ends=f"{values.number(min(shown))} to {values.number(max(shown))}",
        within=values.number(statistics.mean(halves)),
        seeds=len(own),
        n=min(score.n for score in scores),
    )


def render(data: ReportData) -> str:
    """A table over the recipes with several seeds; empty where each has one."""
    table = values.score_table(data.scores)
    found = [row for column in columns(data.runs) for row in rows(column, table)]
    return fill("seeds.html", rows=found) if found else ""


SECTION = Section(name="seeds", title="Several seeds of one recipe", order=25, render=render)
