"""One self-contained page, and the tidy table beside it, from runs on disk."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from robustbench_cls.core.discovery import discover
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.files import atomic
from robustbench_cls.core.metric import Score
from robustbench_cls.evaluation.store import StoredRun, find_runs
from robustbench_cls.metrics.scoring import score
from robustbench_cls.report import headline, values
from robustbench_cls.report.labels import LabelledRun, comparable, label_runs
from robustbench_cls.report.section import ReportData, Section
from robustbench_cls.report.template import fill


@dataclass(frozen=True)
class Part:
    """A section as it stands on the page."""

    name: str
    title: str
    html: Markup


def write_report(
    runs: str | Path | Sequence[str | Path], out: str | Path, *, baseline: str | Path | None = None
) -> Path:
    """Write the page of these runs to `out`, and all scores to the `.csv` of the same name beside it.

    Args:
        runs: one or several folders that hold stored runs, at any depth; a run met twice counts once.
        out: ends in `.html`; both files are whole or absent, and the same runs give the same bytes.
        baseline: a folder with the runs of one model, by whose errors CE and mCE are measured beside AlexNet's.

    Returns:
        `out`.

    Raises:
        UserError: nothing to report on, a run can't be read, or `out` can't be written.
    """
    folders = [Path(runs)] if isinstance(runs, (str, Path)) else [Path(run) for run in runs]
    out = Path(out)
    if out.suffix.lower() not in (".html", ".htm") or out.is_dir():
        raise UserError(f"The report is one HTML file with its table beside it; expected a name in .html, got {out}.")
    data = collect(folders, Path(baseline) if baseline is not None else None)
    page = render_page(data)
    with atomic(out.with_suffix(".csv")) as temporary:
        data.scores.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")
    with atomic(out) as temporary:
        temporary.write_bytes(page.encode("utf-8"))
    return out


def collect(paths: Sequence[Path], baseline: Path | None = None) -> ReportData:
    """The runs below these folders with their scores, read one run at a time.

    Raises:
        UserError: there are none, one can't be read, or the baseline shares no suite with them.
    """
    if not paths:
        raise UserError("No results named: give the folders that `robust eval --out` wrote.")
    runs = _in_order(_unique(run for path in paths for run in find_runs(path)))
    scores: list[Score] = []
    notes: list[str] = []
    entries = label_runs(runs)
    against = _baselines(runs, baseline) if baseline is not None else {}
    for entry in entries:
        rivals = [values.overlaps(other) for other in entries if other.suite == entry.suite]
        of_baseline = against.get(entry.run.identity.digest())
        found, reasons = score(
            entry.model,
            entry.suite,
            entry.run.predictions(),
            of_baseline.predictions() if of_baseline else None,
            frozenset().union(*rivals),
        )
        scores += found
        notes += reasons
    columns = [field.name for field in fields(Score)]
    return ReportData(runs, pd.DataFrame(scores, columns=columns), (*_unlike(entries), *notes))


def render_page(data: ReportData) -> str:
    """The HTML of the page."""
    sections = sorted(discover("robustbench_cls.report.sections", Section).values(), key=lambda s: (s.order, s.name))
    rendered = [Part(section.name, section.title, Markup(section.render(data))) for section in sections]
    return fill(
        "page.html",
        head=headline.head(data),
        sentence=headline.sentence(data),
        parts=[part for part in rendered if part.html],
    )


def _unique(runs: Iterable[StoredRun]) -> list[StoredRun]:
    """Each identity once: of several copies the most complete, in the place of the first."""
    kept: dict[str, StoredRun] = {}
    for run in runs:
        digest = run.identity.digest()
        if digest not in kept or len(run.missing()) < len(kept[digest].missing()):
            kept[digest] = run
    return list(kept.values())


def _baselines(runs: Sequence[StoredRun], path: Path) -> dict[str, StoredRun]:
    """By the digest of a run, the baseline's that was measured alike."""
    known = find_runs(path)
    found = {run.identity.digest(): other for run in runs for other in known if comparable(run) == comparable(other)}
    if not found:
        raise UserError(f"The baseline {path} was measured on no suite in the same way as these runs.")
    return found


def _in_order(runs: Sequence[StoredRun]) -> tuple[StoredRun, ...]:
    """Those of one model side by side, its suites in the order first seen."""
    models = list(dict.fromkeys(run.identity.model for run in runs))
    suites = list(dict.fromkeys(run.identity.suite for run in runs))
    return tuple(sorted(runs, key=lambda run: (models.index(run.identity.model), suites.index(run.identity.suite))))


def _unlike(entries: Sequence[LabelledRun]) -> list[str]:
    """What sets runs apart that carry the same model and suite name."""
    first: dict[tuple[str, str], LabelledRun] = {}
    notes = []
    for entry in entries:
        identity = entry.run.identity
        other = first.setdefault((identity.model, identity.suite), entry)
        if other is not entry:
            differences = "; ".join(other.run.identity.differences(identity))
            notes.append(
                f"{other.model} on {other.suite} and {entry.model} on {entry.suite} do not compare: {differences}."
            )
    return notes
