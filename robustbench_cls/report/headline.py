"""The head of the page: what was measured, and the result in one sentence."""

from collections.abc import Sequence

from robustbench_cls.core.metric import Metric, Score
from robustbench_cls.core.suite import WHOLE, Measure
from robustbench_cls.metrics.scoring import all_metrics
from robustbench_cls.report import values
from robustbench_cls.report.labels import Column, LabelledRun
from robustbench_cls.report.paired import Gap
from robustbench_cls.report.section import ReportData

Ranked = Sequence[tuple[LabelledRun, Score]]
"""The runs with their scores, the best first."""


def head(data: ReportData) -> dict[str, list[str]]:
    """Models, suites and images, as the page's head lists them."""
    counts = sorted({score.n for score in data.scores})
    ends = [f"{count:,}" for count in dict.fromkeys((counts[0], counts[-1]))] if counts else ["none yet"]
    return {
        "Models": list(data.models),
        "Suites": [column.label for column in data.columns],
        "Images per condition": [" to ".join(ends)],
    }


def sentence(data: ReportData) -> str:
    """The result in plain words, on the headline of the suite with the most conditions.

    A model is said to lead only where it is better than every other one beyond noise.
    """
    for column in sorted(data.columns, key=lambda column: -len(column.conditions)):
        for measure in column.measures:
            if found := _complete(column, measure, data):
                return _result(column, measure, found, data)
    return "Nothing has been measured completely yet."


def _complete(column: Column, measure: Measure, data: ReportData) -> Ranked:
    """The scores of the runs that are complete, the best first."""
    entries = [entry for entry in column.runs if not entry.run.missing()]
    found = [
        (entry, score) for entry in entries for score in values.find(data.table, entry, measure.metric, measure.where)
    ]
    higher = all_metrics()[measure.metric].higher_is_better
    return sorted(found, key=lambda pair: pair[1].value, reverse=higher)


def _result(column: Column, measure: Measure, ranked: Ranked, data: ReportData) -> str:
    metric = all_metrics()[measure.metric]
    where = "" if measure.where == WHOLE or len(column.conditions) == 1 else f" ({measure.where.replace('_', ' ')})"
    on = f"On {column.label}{where}"
    (best, score), others = ranked[0], ranked[1:]
    if not others:
        return f"{on}, the {metric.in_words} of {best.model} is {_figure(score)}{_beside(best, column, data)}."
    scores = {entry.model: own.value for entry, own in ranked}
    winner = data.paired.winner(metric, measure.where, scores, column.runs)
    if winner:
        second, own = others[0]
        gap = data.paired.gap(best, second, metric.name, measure.where)
        extreme = "highest" if metric.higher_is_better else "lowest"
        return (
            f"{on}, {winner} has the {extreme} {metric.in_words}: {_figure(score)}; next: {second.model}, "
            f"{_figure(own)}{_interval(gap, metric)}{_beside(best, column, data)}."
        )
    return f"{on}, {_undecided(measure, metric, ranked, data)}."


def _undecided(measure: Measure, metric: Metric, ranked: Ranked, data: ReportData) -> str:
    """No model leads: the best two that do not differ beyond noise."""
    best, score = ranked[0]
    for other, own in ranked[1:]:
        gap = data.paired.gap(best, other, metric.name, measure.where)
        if gap is not None and gap.beyond_noise:
            continue
        pair = f"{best.model}, {_figure(score)}, and {other.model}, {_figure(own)}"
        if gap is None:
            return f"the {metric.in_words} of {pair}, were measured on unlike images, so no winner is named"
        return f"no winner by {metric.in_words}: {pair}, do not differ beyond noise{_interval(gap, metric)}"
    raise AssertionError("a winner was overlooked")


def _interval(gap: Gap | None, metric: Metric) -> str:
    if gap is None:
        return ""
    places = values.decimals(metric.unit)
    low, high = (values.number(end, signed=True, decimals=places) for end in (gap.low, gap.high))
    unit = {"nats": " nats", "number": ""}.get(metric.unit, " points")
    contains = "" if gap.beyond_noise else ", which contains 0"
    return f" (95 % interval of the difference: {low} to {high}{unit}{contains})"


def _beside(entry: LabelledRun, column: Column, data: ReportData) -> str:
    """Facts that the number must not be read without."""
    words = ""
    for measure in column.measures:
        if column.reference is not None and measure.where == column.reference.name:
            for score in values.find(data.table, entry, measure.metric, measure.where):
                name = all_metrics()[measure.metric].in_words
                words += f"; on the clean images of the same classes its {name} is {_figure(score)}"
            break
    contained = entry.overlaps & {condition.name for condition in column.corrupted}
    if contained:
        words += f"; {entry.model}'s recipe contains {len(contained)} of the corruptions"
    return words


def _figure(score: Score) -> str:
    unit = "\N{NO-BREAK SPACE}%" if score.unit in ("fraction", "difference") else ""
    text = values.number(values.shown_value(score), decimals=values.decimals(score.unit))
    return f"{text}{unit} ({values.interval(score)})"
