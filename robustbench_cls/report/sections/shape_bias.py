"""Shape bias by category: of the answers that are one of the two, those by shape and those by texture."""

from collections.abc import Mapping
from math import ceil
from textwrap import fill as fill_lines
from typing import TYPE_CHECKING, TypeAlias

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from robustbench_cls.core.errors import NotApplicable
from robustbench_cls.core.sample import Sample
from robustbench_cls.core.suite import Measure
from robustbench_cls.metrics.scoring import all_metrics
from robustbench_cls.metrics.shape_bias import CATEGORIES, decision_counts, decisions_of
from robustbench_cls.report import figure, values
from robustbench_cls.report.labels import LabelledRun
from robustbench_cls.report.section import ReportData, Section
from robustbench_cls.report.template import fill
from robustbench_cls.results.store import StoredRun

if TYPE_CHECKING:
    import pandas as pd

Counts: TypeAlias = Mapping[str, "pd.DataFrame"]
"""By model, answers by `shape` and by `texture`, a row a category of the shape."""

SHAPE, TEXTURE = figure.COLOURS[0], figure.COLOURS[5]
PANELS_IN_A_ROW = 4
PANEL_WIDTH_IN, PANEL_HEIGHT_IN = 2.5, 2.9
LEFT_IN, TOP_IN, BOTTOM_IN = 0.8, 0.45, 0.45

TITLE_CHARACTERS = 36


def measure(run: StoredRun) -> Measure | None:
    """The suite's measure that this section draws: whether shape or texture decides."""
    known = all_metrics()
    asked = (m for m in run.suite.measures if m.metric in known and known[m.metric].theme == SECTION.name)
    return next(asked, None)


def look(entry: LabelledRun, sample: Sample) -> "pd.DataFrame | None":
    """The decisions of a model that answered cue-conflict stimuli."""
    asked, predictions = measure(entry.run), sample.predictions
    names = [condition.name for condition in predictions.conditions]
    if asked is None or asked.where not in names:
        return None
    try:
        return decision_counts(decisions_of(predictions, names.index(asked.where)))
    except NotApplicable:  # the notes say why
        return None


def draw(found: Counts, biases: Mapping[str, float]) -> Figure:
    """A panel a model, a bar a category; the line is the model's shape bias."""
    across = min(PANELS_IN_A_ROW, len(found))
    down = ceil(len(found) / across)
    width, height = LEFT_IN + across * PANEL_WIDTH_IN, down * PANEL_HEIGHT_IN + BOTTOM_IN
    fig = Figure(figsize=(width, height))
    axes = fig.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    for place, (panel, (model, table)) in enumerate(zip(axes.flatten(), found.items(), strict=False)):
        _panel(panel, model, table, biases.get(model))
        panel.tick_params(length=0, labelbottom=place + across >= len(found))
    for panel in axes.flatten()[len(found) :]:
        panel.set_visible(False)
    fig.supxlabel("Answers by shape, % of those by shape or texture", y=0.08 / height, fontsize=9, color=figure.INK)
    edges = LEFT_IN / width, BOTTOM_IN / height, 1 - 0.1 / width, 1 - TOP_IN / height
    fig.subplots_adjust(*edges, 0.08, 0.2)
    return fig


def _panel(panel: Axes, model: str, table: "pd.DataFrame", bias: float | None) -> None:
    places = range(len(CATEGORIES))
    both = table.sum(axis=1).reindex(CATEGORIES, fill_value=0)
    shape = 100 * table["shape"].reindex(CATEGORIES, fill_value=0) / both.clip(lower=1)
    panel.barh(places, shape, color=SHAPE, height=0.72)
    panel.barh(places, (100 - shape).where(both > 0, 0), left=shape, color=TEXTURE, height=0.72)
    if bias is not None:
        panel.axvline(100 * bias, color=figure.INK, linewidth=1, linestyle="--")
    for place, count in zip(places, both, strict=True):
        panel.text(101.5, place, str(int(count)), fontsize=6.5, va="center", color="#56616b")
    panel.set_title(fill_lines(model, TITLE_CHARACTERS), fontsize=8.5, color=figure.INK, loc="left", pad=5)
    panel.set_yticks(places, CATEGORIES)
    panel.set_ylim(len(CATEGORIES) - 0.4, -0.6)
    panel.set_xlim(0, 112)
    panel.set_xticks([0, 25, 50, 75, 100])
    panel.spines[["top", "right", "left"]].set_visible(False)


def render(data: ReportData) -> str:
    """Bars for each suite of cue-conflict stimuli; empty where there is none."""
    drawn = []
    for column in data.columns:
        found = {e.model: seen for e in column.runs if (seen := data.look(SECTION.name, e)) is not None}
        asked = measure(column.runs[0].run)
        if asked is None or not found:
            continue
        scores = {e.model: s for e in column.runs for s in values.find(data.table, e, asked.metric, asked.where)}
        with figure.style(f"shape_bias {column.label}"):
            picture = figure.svg(draw(found, {model: score.value for model, score in scores.items()}))
        said = [(model, values.number(values.shown_value(s)), values.interval(s)) for model, s in scores.items()]
        drawn.append((column, Markup(picture), said))
    return fill("shape_bias.html", drawn=drawn, shape=SHAPE, texture=TEXTURE) if drawn else ""


SECTION = Section(name="shape_bias", title="Shape or texture", order=46, render=render, look=look)
