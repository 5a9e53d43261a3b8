"""The head of the page: what was measured, and the result in a few sentences."""

from collections.abc import Sequence

from robustbench_cls.core.metric import Score
from robustbench_cls.core.suite import Measure
from robustbench_cls.metrics.scoring import all_metrics
from robustbench_cls.report import values
from robustbench_cls.report.labels import Column, LabelledRun
from robustbench_cls.report.section import ReportData

Ranked = Sequence[tuple[LabelledRun, Score]]
"""Runs with their scores, the best first."""


def head(data: ReportData) -> dict[str, list[str]]:
    """Models, suites and images, as the page's head lists them."""
    return {
        "Models": list(data.models),
        "Suites": [column.label for column in data.columns],
        "Images per condition": [values.ends({score.n for score in data.scores})],
    }


def sentences(data: ReportData) -> list[str]:
    """The result in plain words, then what it must be read with; on the headline of the suite with most conditions.

    Where that headline has no value, the suite's next measure leads. A model is said to lead only where it is better
    than every other one beyond noise.
    """
    for column in sorted(data.columns, key=lambda column: -len(column.conditions)):
        complete = [entry for entry in column.runs if not entry.run.missing()]
        for measure in column.measures:
            if ranked := values.ranked(data.table, complete, measure):
                shown = _closest(measure, ranked, data)
                return [*_result(column, measure, shown, data), *_beside(column, measure, shown, data)]
    return ["Nothing has been measured completely yet."]


def _closest(measure: Measure, ranked: Ranked, data: ReportData) -> Ranked:
    """The best one and, of those that it is not better than beyond noise, the first; else the one that comes next."""
    level = data.paired.level(measure, [entry for entry, _ in ranked])
    return [*ranked[:1], *([pair for pair in ranked if pair[0] in level] or ranked[1:])[:1]]


def _result(column: Column, measure: Measure, shown: Ranked, data: ReportData) -> list[str]:
    metric, place = all_metrics()[measure.metric], column.place(measure)
    where = f"{column.label} ({place})" if place else column.label
    if len(shown) < 2:
        return [f"On {where}, the {metric.in_words} of {shown[0][0].model} is {_figure(shown[0][1])}."]
    (best, score), (other, own) = shown
    gap = data.paired.gap(measure, best, other)
    both = f"{best.model} has {_figure(score)}, {other.model} {_figure(own)}"
    if gap is None:
        return [
            f"By {metric.in_words} on {where}, no model is named best.",
            f"{both}, but not on the same images and conditions.",
        ]
    places = values.decimals(metric.unit)
    low, high = (values.number(end, signed=True, decimals=places) for end in (gap.low, gap.high))
    interval = f"{low} to {high}{values.unit_of_difference(metric.unit)}"
    if not gap.beyond_noise:
        return [
            f"By {metric.in_words} on {where}, no model is ahead beyond noise.",
            f"{both}; the 95 % interval of the difference, {interval}, contains 0.",
        ]
    extreme = "highest" if metric.higher_is_better else "lowest"
    return [
        f"On {where}, {best.model} has the {extreme} {metric.in_words}: {_figure(score)}.",
        f"Next is {other.model}: {_figure(own)}; the 95 % interval of the difference is {interval}.",
    ]


def _beside(column: Column, measure: Measure, shown: Ranked, data: ReportData) -> list[str]:
    """Facts that the numbers must not be read without."""
    found = []
    clean = [m for m in column.measures if column.reference and m.where == column.reference.name and m != measure]
    for beside in clean[:1]:
        if scores := values.ranked(data.table, [entry for entry, _ in shown], beside):
            name = "accuracy" if beside.metric == "top1_accuracy" else all_metrics()[beside.metric].in_words
            listed = ", ".join(f"{entry.model} {_figure(score)}" for entry, score in scores)
            alone = len(shown) == 1
            found.append(f"Its clean {name} is {_figure(scores[0][1])}." if alone else f"Clean {name}: {listed}.")
    for entry, _ in shown:
        if contained := entry.overlaps & column.contained:
            found.append(f"The recipe of {entry.model} contains {len(contained)} of the corruptions.")
    return found


def _figure(score: Score) -> str:
    unit = "\N{NO-BREAK SPACE}%" if score.unit in ("fraction", "difference") else ""
    text = values.number(values.shown_value(score), decimals=values.decimals(score.unit))
    return f"{text}{unit} ({values.interval(score)})"
