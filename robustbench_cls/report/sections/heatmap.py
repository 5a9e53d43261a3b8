"""Heat maps of the error, corruption by severity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor

from robustbench_cls.report import values
from robustbench_cls.report.figure import shade
from robustbench_cls.report.labels import Column, LabelledRun
from robustbench_cls.report.section import ReportData, Section
from robustbench_cls.report.template import fill
from robustbench_cls.report.values import ScoreTable

SEQUENTIAL = "Blues"
DIVERGING = "PuOr_r"
STEP = 10
"""The scale ends at full tens of percent."""


@dataclass(frozen=True)
class HeatCell:
    """A cell with its colours; `text` is `–` where nothing was measured."""

    text: str
    background: str
    colour: str


@dataclass(frozen=True)
class HeatMap:
    """Rows of cells by group and corruption; `low` and `high` are the ends of the colour scale in percent."""

    title: str
    difference: bool
    severities: list[int]
    groups: dict[str, dict[str, list[HeatCell]]]
    low: int
    high: int
    stops: list[str]


def errors(entry: LabelledRun, table: ScoreTable) -> dict[tuple[str, int], float]:
    """Error in percent of each corrupted condition that was measured."""
    return {
        (condition.name, condition.severity): 100.0 * score.value
        for condition in entry.run.conditions
        if condition.graded
        for score in values.find(table, entry, "error", condition.name, condition.severity)
    }


def maps(column: Column, table: ScoreTable) -> list[HeatMap]:
    """A map for each model, on one colour scale, and for exactly two models their difference."""
    measured = {entry.model: found for entry in column.runs if (found := errors(entry, table))}
    every = [value for found in measured.values() for value in found.values()]
    if not every:
        return []
    low, high = STEP * floor(min(every) / STEP), STEP * ceil(max(every) / STEP)
    high = max(high, low + STEP)
    drawn = [_map(model, column, found, (low, high)) for model, found in measured.items()]
    if len(measured) == 2:
        drawn.append(_difference(column, measured))
    return drawn


def _difference(column: Column, measured: Mapping[str, Mapping[tuple[str, int], float]]) -> HeatMap:
    (first, one), (second, other) = measured.items()
    change = {key: other[key] - value for key, value in one.items() if key in other}
    widest = max((abs(value) for value in change.values()), default=0.0)
    end = max(5, 5 * ceil(widest / 5))
    return _map(f"{second} minus {first}", column, change, (-end, end), difference=True)


def _map(
    title: str,
    column: Column,
    found: Mapping[tuple[str, int], float],
    ends: tuple[int, int],
    *,
    difference: bool = False,
) -> HeatMap:
    scale = DIVERGING if difference else SEQUENTIAL
    severities = sorted({condition.severity for condition in column.corrupted})

    def cell(name: str, severity: int) -> HeatCell:
        if (name, severity) not in found:
            return HeatCell(values.ABSENT, "#ffffff", "#5b6670")
        value = found[name, severity]
        background, colour = shade((value - ends[0]) / (ends[1] - ends[0]), scale)
        return HeatCell(values.number(value, signed=difference), background, colour)

    groups = {
        group: {name: [cell(name, severity) for severity in severities] for name in members}
        for group, members in column.groups.items()
    }
    return HeatMap(title, difference, severities, groups, *ends, stops=_stops(scale))


def _stops(scale: str, steps: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 1.0)) -> list[str]:
    return [shade(step, scale)[0] for step in steps]


def render(data: ReportData) -> str:
    """The maps of each suite of corruptions; empty where none was measured."""
    drawn = [(column, found) for column in data.columns if (found := maps(column, data.table))]
    differences = any(heat_map.difference for _, found in drawn for heat_map in found)
    return fill("heatmap.html", suites=drawn, differences=differences) if drawn else ""


SECTION = Section(name="heatmap", title="Error by corruption and severity", order=30, render=render)
