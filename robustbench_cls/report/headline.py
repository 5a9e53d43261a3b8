"""The head of the page: what was measured, and the result in one sentence."""

from collections.abc import Sequence

from robustbench_cls.core.metric import Metric, Score
from robustbench_cls.metrics.scoring import all_metrics
from robustbench_cls.report import values
from robustbench_cls.report.labels import Column, LabelledRun, columns, models
from robustbench_cls.report.section import ReportData
from robustbench_cls.report.values import ScoreTable

LEADING = {
    "mce": "mCE",
    "mean_corruption_error_unnormalised": "mean corruption error (unnormalised)",
    "top1_accuracy": "top-1 accuracy",
    "shape_bias": "shape bias",
}
"""What the sentence may be about, the first that exists, with its name in running text."""


def head(data: ReportData) -> dict[str, list[str]]:
    """Models, suites and images, as the page's head lists them."""
    counts = sorted({int(n) for n in data.scores["n"]}) if data.runs else []
    ends = [f"{count:,}" for count in dict.fromkeys((counts[0], counts[-1]))] if counts else ["none yet"]
    return {
        "Models": list(models(data.runs)),
        "Suites": [column.label for column in columns(data.runs)],
        "Images per condition": [" to ".join(ends)],
    }


def sentence(data: ReportData) -> str:
    """The result in plain words: who leads on the number that matters most, and at what clean accuracy."""
    table = values.score_table(data.scores)
    for name, phrase in LEADING.items():
        for column in columns(data.runs):
            found = _complete(column, name, table)
            if found:
                return _result(column, all_metrics()[name], phrase, found, table)
    return "Nothing has been measured completely yet."


def _complete(column: Column, metric: str, table: ScoreTable) -> list[tuple[LabelledRun, Score]]:
    """What complete runs scored on the suite as a whole, or on its only condition."""
    plain = [condition.name for condition in column.conditions if not condition.severity]
    condition = plain[0] if metric in ("top1_accuracy", "shape_bias") and len(plain) == 1 else values.WHOLE_SUITE
    entries = [entry for entry in column.runs if not entry.run.missing()]
    if metric == "top1_accuracy" and any(values.find(table, entry, "shape_bias", condition) for entry in entries):
        return []  # of stimuli that are made to have two right answers
    return [(entry, score) for entry in entries for score in values.find(table, entry, metric, condition)]


def _result(
    column: Column, metric: Metric, phrase: str, found: Sequence[tuple[LabelledRun, Score]], table: ScoreTable
) -> str:
    ranked = sorted(found, key=lambda pair: values.shown_value(pair[1]), reverse=metric.higher_is_better)
    top = values.shown_value(ranked[0][1])
    best = [entry for entry, score in ranked if values.shown_value(score) == top]
    figure = _figure(ranked[0][1])
    if len(found) == 1:
        start = f"On {column.label}, the {phrase} of {best[0].model} is {figure}"
    else:
        verb = "share" if len(best) > 1 else "has"
        extreme = "highest" if metric.higher_is_better else "lowest"
        start = f"On {column.label}, {_listed(best)} {verb} the {extreme} {phrase}: {figure}"
    behind = [f"; next: {entry.model}, {_figure(score)}" for entry, score in ranked[len(best) :]]
    return start + "".join(behind[:1]) + (_beside(best[0], column, table) if len(best) == 1 else "") + "."


def _beside(entry: LabelledRun, column: Column, table: ScoreTable) -> str:
    """What the number must not be read without."""
    words = ""
    for reference in [column.reference] if column.reference else []:
        for score in values.find(table, entry, "top1_accuracy", reference.name):
            words += f"; {entry.model} answers {_figure(score)} of the clean images of the same classes right"
    contained = values.overlaps(entry) & {condition.name for condition in column.corrupted}
    if contained:
        words += f"; {entry.model}'s recipe contains {len(contained)} of the corruptions"
    return words


def _figure(score: Score) -> str:
    unit = "\N{NO-BREAK SPACE}%" if score.unit == "fraction" else ""
    return f"{values.number(values.shown_value(score))}{unit} ({values.interval(score)})"


def _listed(entries: Sequence[LabelledRun]) -> str:
    names = [entry.model for entry in entries]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
