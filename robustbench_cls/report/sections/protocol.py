"""How each number was measured: protocol, data, weights and versions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from robustbench_cls.report import values
from robustbench_cls.report.labels import LabelledRun, columns, facts, short, word
from robustbench_cls.report.section import ReportData, Section
from robustbench_cls.report.template import fill
from robustbench_cls.report.values import ScoreTable

NAMED_ELSEWHERE = ("model", "suite")


@dataclass(frozen=True)
class Fact:
    """A line of the table: one value a model, or a single one where all agree."""

    title: str
    shown: list[str]
    full: list[str]


Facts = dict[str, tuple[str, str]]
"""What a run says of itself: title -> (as shown, in full)."""


def told(entry: LabelledRun, table: ScoreTable) -> Facts:
    """All that is known of a run: completeness, images, identity and provenance."""
    run = entry.run
    missing, total = len(run.missing()), len(run.all_conditions)
    found = {"conditions": f"partial: {missing} of {total} missing" if missing else f"all {total}"}
    found["images a condition"] = _images(entry, table)
    shown = {title: (text, text) for title, text in found.items()}
    for field, value in facts(run.identity).items():
        if field not in NAMED_ELSEWHERE:
            shown[word(field)] = (short(field, value), str(value))
    for title, text in flat(run.provenance):
        shown[title] = (text, text)
    return shown


def _images(entry: LabelledRun, table: ScoreTable) -> str:
    counts = sorted({s.n for key, s in table.items() if key[:2] == (entry.model, entry.suite)})
    return f"{counts[0]}" + (f" to {counts[-1]}" if len(counts) > 1 else "") if counts else values.ABSENT


def flat(given: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested provenance as lines of text."""
    for name, value in given.items():
        title = f"{prefix}{str(name).replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{title}: ")
        elif isinstance(value, list | tuple):
            yield title, ", ".join(str(item) for item in value) or "none"
        else:
            yield title, str(value)


def lines(known: Sequence[Facts], leave_out: frozenset[str] = frozenset()) -> list[Fact]:
    """A line for each title of any run, in the order first seen."""
    found = []
    for title in dict.fromkeys(title for one in known for title in one):
        pairs = [one.get(title, (values.ABSENT, "not recorded")) for one in known]
        if title not in leave_out:
            kept = pairs[:1] if len(set(pairs)) == 1 else pairs
            found.append(Fact(title, [shown for shown, _ in kept], [full for _, full in kept]))
    return found


def render(data: ReportData) -> str:
    """What all runs share, then a table a suite with what is its own; empty where there are no runs."""
    table = values.score_table(data.scores)
    known = [(column, [told(entry, table) for entry in column.runs]) for column in columns(data.runs)]
    every = [one for _, found in known for one in found]
    if not every:
        return ""
    shared = [fact for fact in lines(every) if len(fact.shown) == 1]
    leave_out = frozenset(fact.title for fact in shared)
    own = [(column, table_lines) for column, found in known if (table_lines := lines(found, leave_out))]
    return fill("protocol.html", shared=shared, own=own, runs=len(every))


SECTION = Section(name="protocol", title="Protocol and versions", order=60, render=render)
