"""Protocol: how each number was measured, with which data, weights and versions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from robustbench_cls.core.origin import Origin
from robustbench_cls.core.run import short, word
from robustbench_cls.report import values
from robustbench_cls.report.caveats import chosen_by
from robustbench_cls.report.labels import LabelledRun, facts
from robustbench_cls.report.section import ReportData, Section
from robustbench_cls.report.template import fill
from robustbench_cls.report.values import ScoreTable
from robustbench_cls.results.store import StoredRun

NAMED_ELSEWHERE = ("model", "suite")


class Told(NamedTuple):
    """A value as it is shown, and in full."""

    shown: str
    full: str


NOT_RECORDED = Told(values.ABSENT, "not recorded")

Runs: TypeAlias = Sequence[tuple[LabelledRun, Mapping[str, Told]]]
"""Each run with what it says of itself, by title."""


@dataclass(frozen=True)
class Table:
    """A line for each title, a value for each column."""

    caption: str
    columns: list[str]
    lines: dict[str, list[Told]]


def told(entry: LabelledRun, table: ScoreTable) -> dict[str, Told]:
    """All that is known of a run: completeness, images, identity, the model's origin and the circumstances."""
    run = entry.run
    missing, total = len(run.missing()), len(run.all_conditions)
    measured = f"partial: {missing} of {total} missing" if missing else f"all {total}"
    images = values.ends({score.n for key, score in table.items() if key[:2] == entry.key})
    said = {"conditions": Told(measured, measured), "images a condition": Told(images, images)}
    for field, value in facts(run.identity).items():
        if field not in NAMED_ELSEWHERE and value != "":  # of a field that came later and has nothing to say
            said[word(field)] = Told(short(field, value), str(value))
    for title, text in flat({**_origin(run.origin), **_circumstances(run)}):
        said[title] = Told(text, text)
    return said


CHOSEN_BY = {
    "minival": "training images that were held out",
    "last epoch": "nothing: it is the last one",
    "val": "the val images of the training data",
}
"""In words, each rule by which an epoch is chosen."""


def _origin(origin: Origin) -> dict[str, object]:
    """The known facts of the model's making, by title."""
    known = {
        "architecture": origin.architecture,
        "weights, as given": origin.weights,
        "recipe": origin.recipe,
        "recipe overlaps": origin.overlaps,
        "settings": origin.settings,
        "training seed": origin.seed,
        "training data": origin.data,
        "epoch": origin.epoch,
        "epoch chosen by": CHOSEN_BY.get(chosen_by(origin), chosen_by(origin)),
        "learned from": origin.models,
        "started from": origin.started_from,
        "compressed from": origin.base,
        "training notes": origin.notes,
        "training versions": origin.versions,
    }
    return _recorded(known)


def _circumstances(run: StoredRun) -> dict[str, object]:
    about = run.circumstances
    known = {
        "folder of the images": about.data,
        "how the model wants its images": about.shown,
        "suite title": run.suite.title,
        "suite source": run.suite.source,
        "notes": about.notes,
        "device": about.device,
        "versions": about.versions,
    }
    return _recorded(known)


def _recorded(known: Mapping[str, object]) -> dict[str, object]:
    """The facts without those that are not known."""
    return {title: value for title, value in known.items() if value not in ("", None, ()) and value != {}}


def flat(given: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested values as lines of text."""
    for name, value in given.items():
        title = f"{prefix}{str(name).replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{title}: ")
        elif isinstance(value, list | tuple):
            yield title, "; ".join(str(item) for item in value) or "none"
        else:
            yield title, str(value) or "none"


def tables(runs: Runs) -> list[Table]:
    """Each title once: in the table of all runs, of suites or of models if that decides it, else by both."""
    titles = list(dict.fromkeys(title for _, said in runs for title in said))
    found = []
    for caption, column_of in (
        ("The run" if len(runs) == 1 else f"The same in all {len(runs)} runs", lambda _: ""),
        ("By suite", lambda entry: entry.suite),
        ("By model", lambda entry: entry.model),
    ):
        found.append(_decided(caption, runs, titles, column_of))
        titles = [title for title in titles if title not in found[-1].lines]
    return [table for table in [*found, _rest(runs, titles)] if table.lines]


def _decided(caption: str, runs: Runs, titles: Sequence[str], column_of: Callable[[LabelledRun], str]) -> Table:
    """The titles whose value is decided by the column."""
    lines = {}
    columns = list(dict.fromkeys(column_of(entry) for entry, _ in runs))
    for title in titles:
        by_column: dict[str, set[Told]] = {column: set() for column in columns}
        for entry, said in runs:
            by_column[column_of(entry)].add(said.get(title, NOT_RECORDED))
        if all(len(values_found) == 1 for values_found in by_column.values()):
            lines[title] = [next(iter(values_found)) for values_found in by_column.values()]
    return Table(caption, columns, lines)


def _rest(runs: Runs, titles: Sequence[str]) -> Table:
    """The titles that neither suite nor model decides alone: a line for each suite, a column for each model."""
    said = {(entry.suite, entry.model): facts_said for entry, facts_said in runs}
    columns = list(dict.fromkeys(entry.model for entry, _ in runs))
    suites = list(dict.fromkeys(entry.suite for entry, _ in runs))
    lines = {
        f"{title}, {suite}": [said.get((suite, model), {}).get(title, NOT_RECORDED) for model in columns]
        for title in titles
        for suite in suites
    }
    return Table("By suite and model", columns, lines)


def render(data: ReportData) -> str:
    """Facts that all runs share, then those of suites and of models; empty where there are no runs."""
    runs = [(entry, told(entry, data.table)) for entry in data.entries]
    return fill("protocol.html", tables=tables(runs)) if runs else ""


SECTION = Section(name="protocol", title="Protocol and versions", order=60, render=render)
