"""Top-1 accuracy against severity, a panel for each corruption."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, TypeAlias

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from robustbench_cls.core.corruption import SEVERITIES
from robustbench_cls.report import figure, values
from robustbench_cls.report.labels import Column, LabelledRun
from robustbench_cls.report.section import ReportData, Section
from robustbench_cls.report.template import fill
from robustbench_cls.report.values import ScoreTable

Curves: TypeAlias = Mapping[str, Mapping[str, Mapping[int, float]]]
"""Corruption -> model -> severity -> accuracy in percent."""

PANELS_IN_A_ROW = 5
PANEL_WIDTH_IN, PANEL_HEIGHT_IN = 2.2, 1.75
LEFT_IN, TOP_IN, BOTTOM_IN = 0.62, 0.28, 0.5


def curve(entry: LabelledRun, corruption: str, table: ScoreTable) -> dict[int, float]:
    """Accuracy in percent by severity; the clean reference stands at 0."""
    points = {c.severity: c.name for c in entry.run.conditions if c.name == corruption}
    if entry.run.reference:
        points[0] = entry.run.reference.name
    return {
        severity: 100.0 * score.value
        for severity, name in sorted(points.items())
        for score in values.find(table, entry, "top1_accuracy", name, severity)
    }


def line_style(position: int) -> dict[str, Any]:
    """Colour, marker and dashes of a model by its place in the report; no two of a usual report share any pair."""
    return {
        "color": figure.COLOURS[position % len(figure.COLOURS)],
        "marker": figure.MARKERS[position % len(figure.MARKERS)],
        "linestyle": figure.LINES[position % len(figure.LINES)],
        "linewidth": 1.4,
        "markersize": 4,
        "clip_on": False,
    }


def curves(column: Column, table: ScoreTable) -> Curves:
    """The curves of one suite, by corruption and model; one with no more than its clean point is left out."""
    found = {
        name: {entry.model: points for entry in column.runs if max(points := curve(entry, name, table), default=0)}
        for names in column.groups.values()
        for name in names
    }
    return {name: lines for name, lines in found.items() if lines}


def draw(found: Curves, rows: Sequence[str]) -> Figure:
    """The panels of one suite, on one pair of axes' ranges."""
    across = min(PANELS_IN_A_ROW, len(found))
    down = ceil(len(found) / across)
    width, height = LEFT_IN + across * PANEL_WIDTH_IN, down * PANEL_HEIGHT_IN + TOP_IN + BOTTOM_IN
    fig = Figure(figsize=(width, height))
    axes = fig.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    for place, (panel, (name, lines)) in enumerate(zip(axes.flatten(), found.items(), strict=False)):
        _panel(panel, name, lines, rows, last=place + across >= len(found))
    for panel in axes.flatten()[len(found) :]:
        panel.set_visible(False)
    highest = max(value for lines in found.values() for points in lines.values() for value in points.values())
    axes[0, 0].set_ylim(0, min(100, 10 * ceil((highest + 5) / 10)))
    fig.supylabel("Top-1 accuracy, %", x=0.1 / width, fontsize=9, color=figure.INK)
    fig.supxlabel("Severity (0: clean)", y=0.08 / height, fontsize=9, color=figure.INK)
    fig.subplots_adjust(LEFT_IN / width, BOTTOM_IN / height, 1 - 0.1 / width, 1 - TOP_IN / height, 0.12, 0.36)
    return fig


def _panel(
    panel: Axes, name: str, lines: Mapping[str, Mapping[int, float]], rows: Sequence[str], *, last: bool
) -> None:
    for model, points in lines.items():
        span = range(min(points), max(points) + 1)
        heights = [points.get(severity, float("nan")) for severity in span]  # a gap where nothing was measured
        panel.plot(list(span), heights, **line_style(rows.index(model)))
    panel.set_title(name.replace("_", " "), fontsize=9, color=figure.INK, loc="left", pad=7)
    panel.set_xticks(range(max(SEVERITIES) + 1))
    panel.tick_params(length=2.5, labelbottom=last)
    panel.grid(axis="y", color="#e3e7eb", linewidth=0.6)
    panel.spines[["top", "right"]].set_visible(False)


def swatch(position: int) -> str:
    """The line of a model, for the legend."""
    with figure.style(f"swatch {position}"):
        fig = Figure(figsize=(0.5, 0.17))
        axes = fig.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.plot([0, 1, 2], [0, 0, 0], markevery=[1], **line_style(position))
        return figure.svg(fig)


def render(data: ReportData) -> str:
    """The panels of each suite of corruptions; empty where none was measured."""
    rows = data.models
    drawn = []
    for column in data.columns:
        if not (found := curves(column, data.table)):
            continue
        with figure.style(f"severity_curves {column.label}"):
            picture = Markup(figure.svg(draw(found, rows)))
        named = [row for row in rows if any(row in lines for lines in found.values())]
        legend = [(Markup(swatch(rows.index(row))), row) for row in named]
        drawn.append((column, picture, legend))
    return fill("severity_curves.html", drawn=drawn) if drawn else ""


SECTION = Section(name="severity_curves", title="Accuracy against severity", order=40, render=render)
