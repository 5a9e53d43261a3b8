"""What a report section gets and gives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from robustbench_cls.results.store import StoredRun

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ReportData:
    """All that a section may show.

    Attributes:
        runs: every run, those of one model side by side, suites in the order first seen.
        scores: a row a score, with the columns of `core.metric.Score`.
        notes: in words, which numbers do not exist for these runs and why.
    """

    runs: tuple[StoredRun, ...]
    scores: "pd.DataFrame"
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """One part of the page.

    Attributes:
        order: sections stand in ascending order.
        render: gives the HTML below the title, with every name escaped; an empty string leaves the section out.
    """

    name: str
    title: str
    order: int
    render: Callable[[ReportData], str]
