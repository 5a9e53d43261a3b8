"""Sections of the page: the data that each gets, and the HTML that it gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from robustbench_cls.core.metric import Score
from robustbench_cls.core.sample import Sample
from robustbench_cls.report.labels import Column, LabelledRun
from robustbench_cls.report.paired import Paired
from robustbench_cls.report.values import ScoreTable


@dataclass(frozen=True)
class ReportData:
    """All that a section may show.

    Attributes:
        entries: every run with its labels, those of one model side by side, suites in the order first seen.
        columns: the same by what may stand in one column of a table.
        models: the labels of the rows.
        scores: every score, in the order computed.
        table: the same by what they are about.
        paired: differences between models on the same images.
        notes: in words, which numbers do not exist for these runs and why.
        looks: by section and run, what the section's `look` gave.
    """

    entries: tuple[LabelledRun, ...]
    columns: tuple[Column, ...]
    models: tuple[str, ...]
    scores: tuple[Score, ...]
    table: ScoreTable
    paired: Paired
    notes: tuple[str, ...]
    looks: Mapping[str, Mapping[tuple[str, str], Any]] = field(default_factory=dict)

    def look(self, section: str, entry: LabelledRun) -> Any:
        """The result of the section's `look` at a run; None where there was nothing to see."""
        return self.looks.get(section, {}).get(entry.key)


@dataclass(frozen=True)
class Section:
    """One part of the page.

    Attributes:
        order: sections stand in ascending order.
        render: gives the HTML below the title, with every name escaped; an empty string leaves the section out.
        look: what the section needs of a run's per-image results, which are read once for all sections; what it gives
            is in `ReportData.look`.
    """

    name: str
    title: str
    order: int
    render: Callable[[ReportData], str]
    look: Callable[[LabelledRun, Sample], Any] | None = None
