"""Accuracy under a shift against clean accuracy, and how far each model lies from the line through all of them."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from robustbench_cls.core.metric import Score
from robustbench_cls.core.suite import WHOLE
from robustbench_cls.metrics.effective_robustness import NAME
from robustbench_cls.report import figure, values
from robustbench_cls.report.labels import Column
from robustbench_cls.report.section import ReportData, Section
from robustbench_cls.report.template import fill
from robustbench_cls.report.values import ScoreTable

SIDE_IN = 3.6


@dataclass(frozen=True)
class Point:
    """One model: its accuracies, and its effective robustness as it is printed."""

    model: str
    clean: float
    shifted: float
    beyond: str
    interval: str
    n: int


def points(column: Column, table: ScoreTable) -> list[Point]:
    """The models of a suite that have an effective robustness, best first."""
    found = []
    for entry in column.runs:
        scores = values.find(table, entry, NAME, WHOLE)
        clean = values.find(table, entry, "top1_accuracy", column.reference.name) if column.reference else []
        for score in scores:
            found.append((score.value, _point(entry.model, score, clean[0], _shifted(entry.model, column, table))))
    return [point for _, point in sorted(found, key=lambda pair: -pair[0])]


def _shifted(model: str, column: Column, table: ScoreTable) -> float:
    counted = [c for c in column.conditions if c.counted]
    own = [table[model, column.label, c.name, c.severity, "error"].value for c in counted]
    return 1 - sum(own) / len(own)


def _point(model: str, score: Score, clean: Score, shifted: float) -> Point:
    beyond = values.number(values.shown_value(score), signed=True)
    return Point(model, clean.value, shifted, beyond, values.interval(score), score.n)


def draw(found: list[Point]) -> Figure:
    """The models as dots, and the line that was fitted on logits."""
    fig = Figure(figsize=(SIDE_IN, SIDE_IN))
    axes = fig.subplots()
    half = 0.5 / min(point.n for point in found)
    x, y = (np.clip([getattr(point, name) for point in found], half, 1 - half) for name in ("clean", "shifted"))
    slope, height = np.polyfit(np.log(x / (1 - x)), np.log(y / (1 - y)), 1)
    span = np.linspace(x.min(), x.max(), 50)
    line = 1 / (1 + np.exp(-(slope * np.log(span / (1 - span)) + height)))
    axes.plot(100 * span, 100 * line, color="#8a94a0", linewidth=1)
    for place, point in enumerate(found):
        colour, marker = figure.COLOURS[place % len(figure.COLOURS)], figure.MARKERS[place % len(figure.MARKERS)]
        axes.plot([100 * point.clean], [100 * point.shifted], marker=marker, color=colour, linestyle="none")
        axes.annotate(
            point.model, (100 * point.clean, 100 * point.shifted), (5, 4), textcoords="offset points", fontsize=7
        )
    axes.set_xlabel("Clean top-1 accuracy, %")
    axes.set_ylabel("Accuracy under the shift, %")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(0.15)
    fig.subplots_adjust(0.17, 0.14, 0.97, 0.97)
    return fig


def render(data: ReportData) -> str:
    """A figure and a table for each suite with three models or more; empty where there is none."""
    drawn = []
    for column in data.columns:
        if found := points(column, data.table):
            with figure.style(f"effective_robustness {column.label}"):
                drawn.append((column, found, Markup(figure.svg(draw(found)))))
    return fill("effective_robustness.html", drawn=drawn) if drawn else ""


SECTION = Section(name="effective_robustness", title="Effective robustness", order=45, render=render)
