"""One self-contained page, and the tidy table beside it, from runs on disk."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.files import atomic
from robustbench_cls.core.metric import Score
from robustbench_cls.report import headline
from robustbench_cls.report.collect import all_sections, collect
from robustbench_cls.report.labels import measured_how
from robustbench_cls.report.section import ReportData
from robustbench_cls.report.template import fill
from robustbench_cls.results.store import StoredRun


@dataclass(frozen=True)
class Part:
    """A section as it stands on the page."""

    name: str
    title: str
    html: Markup


def write_report(
    runs: str | Path | StoredRun | Sequence[str | Path | StoredRun],
    out: str | Path,
    *,
    baseline: str | Path | None = None,
) -> Path:
    """Write the page of these runs to `out`, and all scores to the `.csv` of the same name beside it.

    Args:
        runs: one or several stored runs, or folders that hold some at any depth; a run met twice counts once.
        out: ends in `.html`; both files are whole or absent, and the same runs give the same bytes.
        baseline: a folder with the runs of one model, by whose errors CE and mCE are measured beside AlexNet's.

    Returns:
        `out`.

    Raises:
        UserError: nothing to report on, a run can't be read, or `out` can't be written.
    """
    given = [runs] if isinstance(runs, str | Path | StoredRun) else list(runs)
    folders = [run.folder if isinstance(run, StoredRun) else Path(run) for run in given]
    out = Path(out)
    if out.suffix.lower() not in (".html", ".htm") or out.is_dir():
        raise UserError(f"The report is one HTML file with its table beside it; expected a name in .html, got {out}.")
    _require_own_table(out.with_suffix(".csv"))
    data = collect(folders, Path(baseline) if baseline is not None else None)
    page = render_page(data)
    how = {entry.key: measured_how(entry.run) for entry in data.entries}
    rows = [{**asdict(score), **how[score.model, score.suite]} for score in data.scores]
    table = pd.DataFrame(rows or None, columns=None if rows else [field.name for field in fields(Score)])
    with atomic(out.with_suffix(".csv")) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")
    with atomic(out) as temporary:
        temporary.write_bytes(page.encode("utf-8"))
    return out


def _require_own_table(path: Path) -> None:
    """Refuse to overwrite a table beside the page that no report wrote: the user named only the page."""
    if not path.exists():
        return
    try:
        with path.open(encoding="utf-8") as file:
            start = file.readline().split(",")[:4]
    except (OSError, ValueError):
        start = []
    if start != [field.name for field in fields(Score)][:4]:
        raise UserError(f"{path} is no table of a report and would be overwritten. Give the page another name.")


def render_page(data: ReportData) -> str:
    """The HTML of the page."""
    rendered = [Part(section.name, section.title, Markup(section.render(data))) for section in all_sections()]
    return fill(
        "page.html",
        head=headline.head(data),
        sentences=headline.sentences(data),
        parts=[part for part in rendered if part.html],
    )
