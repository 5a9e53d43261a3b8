"""Calibration: whether confidences can be believed. Scores, and accuracy against confidence."""

from collections.abc import Mapping, Sequence
from math import ceil
from textwrap import fill as fill_lines
from typing import NamedTuple, TypeAlias

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from robustbench_cls.core.predictions import Predictions
from robustbench_cls.core.sample import Sample
from robustbench_cls.core.suite import Measure
from robustbench_cls.metrics.ranking import BINS
from robustbench_cls.metrics.scoring import all_metrics
from robustbench_cls.report import figure
from robustbench_cls.report.block import block
from robustbench_cls.report.labels import Column, LabelledRun
from robustbench_cls.report.section import ReportData, Section
from robustbench_cls.report.sections.severity_curves import line_style, swatch
from robustbench_cls.report.template import fill

THEMES = ("calibration", "selective_prediction")
"""Themes of the metrics that this section shows."""

PANELS_IN_A_ROW = 4
SIDE_IN, LEFT_IN, BOTTOM_IN, TOP_IN, RIGHT_IN = 2.5, 0.62, 0.5, 0.45, 0.2

TITLE_CHARACTERS = 36

FEWEST = 10
"""Answers that a point of the diagram stands for at least."""


class Point(NamedTuple):
    """Answers of like confidence, in percent."""

    confidence: float
    accuracy: float


Lines: TypeAlias = Mapping[str, Sequence[Point]]
"""By model, least confident first."""


def shown(column: Column) -> list[Measure]:
    """The measures of a suite that hold confidences against right answers."""
    metrics = {measure: all_metrics()[measure.metric] for measure in column.measures}
    return [measure for measure, metric in metrics.items() if metric.theme in THEMES and metric.needs_labels]


def look(entry: LabelledRun, sample: Sample) -> dict[str, Sequence[Point]] | None:
    """By panel, accuracy against confidence of one run; of a suite that corrupts, clean images beside it."""
    whole = sample.predictions
    if not whole.labelled:
        return None
    corrupts = any(condition.graded for condition in whole.conditions)
    found: dict[str, Sequence[Point]] = {}
    for predictions in [whole, *([whole.reference] if whole.reference and corrupts else [])]:
        if points := reliability(predictions):
            names = [condition.name for condition in predictions.conditions]
            found[names[0] if len(names) == 1 else "all conditions"] = points
    return found


def diagrams(column: Column, data: ReportData) -> dict[str, Lines]:
    """By panel, the lines of all models."""
    panels: dict[str, dict[str, Sequence[Point]]] = {}
    for entry in column.runs:
        for title, points in (data.look(SECTION.name, entry) or {}).items():
            panels.setdefault(f"{column.label}: {title}", {})[entry.model] = points
    return dict(panels)


def reliability(predictions: Predictions) -> list[Point]:
    """Mean confidence and accuracy in bins of equal width, over all conditions; bins of few answers are left out."""
    confidence_V = predictions.columns["confidence"].reshape(-1).astype(np.float64)
    bins_V = np.clip(np.ceil(confidence_V * BINS).astype(np.int64) - 1, 0, BINS - 1)
    counts_B = np.bincount(bins_V, minlength=BINS)
    confident_B = np.bincount(bins_V, confidence_V, BINS)
    right_B = np.bincount(bins_V, predictions.columns["correct"].reshape(-1), BINS)
    return [
        Point(100 * confident_B[b] / counts_B[b], 100 * right_B[b] / counts_B[b])
        for b in range(BINS)
        if counts_B[b] >= FEWEST
    ]


def draw(panels: Mapping[str, Lines], rows: Sequence[str]) -> Figure:
    """A square for each panel; on its diagonal, confidence is accuracy."""
    across = min(PANELS_IN_A_ROW, len(panels))
    down = ceil(len(panels) / across)
    width, height = LEFT_IN + across * SIDE_IN + RIGHT_IN, down * (SIDE_IN + TOP_IN) + BOTTOM_IN
    fig = Figure(figsize=(width, height))
    axes = fig.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    for place, (panel, (title, lines)) in enumerate(zip(axes.flatten(), panels.items(), strict=False)):
        _panel(panel, title, lines, rows)
        panel.tick_params(length=2.5, labelbottom=place + across >= len(panels))
    for panel in axes.flatten()[len(panels) :]:
        panel.set_visible(False)
    fig.supylabel("Accuracy, %", x=0.1 / width, fontsize=9, color=figure.INK)
    fig.supxlabel("Confidence, %", y=0.08 / height, fontsize=9, color=figure.INK)
    edges = LEFT_IN / width, BOTTOM_IN / height, 1 - RIGHT_IN / width, 1 - TOP_IN / height
    fig.subplots_adjust(*edges, 0.14, 0.2)
    return fig


def _panel(panel: Axes, title: str, lines: Lines, rows: Sequence[str]) -> None:
    panel.plot([0, 100], [0, 100], color="#8a94a0", linewidth=0.8)
    for model, points in lines.items():
        panel.plot([p.confidence for p in points], [p.accuracy for p in points], **line_style(rows.index(model)))
    panel.set_title(fill_lines(title, TITLE_CHARACTERS), fontsize=8.5, color=figure.INK, loc="left", pad=5)
    panel.set_xlim(0, 100)
    panel.set_ylim(0, 100)
    panel.spines[["top", "right"]].set_visible(False)


def render(data: ReportData) -> str:
    """A table over all suites, and diagrams of each; empty where nothing is stored."""
    rows = data.models
    found = [block(column, shown(column), data) for column in data.columns]
    blocks = [own for own in found if own.headings]
    panels = {title: lines for column in data.columns for title, lines in diagrams(column, data).items()}
    picture, legend = Markup(), []
    if panels:
        with figure.style("calibration"):
            picture = Markup(figure.svg(draw(panels, rows)))
        named = [row for row in rows if any(row in lines for lines in panels.values())]
        legend = [(Markup(swatch(rows.index(row))), row) for row in named]
    if not blocks and not panels:
        return ""
    best = any(own.best for own in blocks)
    return fill("calibration.html", blocks=blocks, rows=rows, best=best, picture=picture, legend=legend, fewest=FEWEST)


SECTION = Section(name="calibration", title="Calibration", order=47, render=render, look=look)
