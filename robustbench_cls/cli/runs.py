"""`robust runs`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from robustbench_cls.core.files import RUNS

if TYPE_CHECKING:
    from robustbench_cls.results.store import StoredRun

PATH = click.Path(path_type=Path)


@click.command(short_help="List the results that are stored.", epilog="Example: robust runs reports/runs")
@click.argument("folders", nargs=-1, type=PATH)
@click.option("--code", type=PATH, multiple=True, help="Your own .py file with metrics that a suite is about.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(folders: tuple[Path, ...], code: tuple[Path, ...], as_json: bool) -> None:
    """List the results in FOLDERS (default: reports/runs): model, suite, images, date and headline of each run."""
    from robustbench_cls.core.progress import notice

    notice("Reading results ...")
    from robustbench_cls.core.discovery import take_in
    from robustbench_cls.results.manifest import find_runs

    for path in code:
        take_in(path)
    rows = [_row(run) for folder in folders or (RUNS,) for run in find_runs(folder)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    heads = ("model", "suite", "images", "date", "headline", "folder")
    widths = [max(len(name), *(len(row[name]) for row in rows)) for name in heads[:-1]]
    click.secho("  ".join(f"{name:{width}}" for name, width in zip(heads, (*widths, 0), strict=True)), bold=True)
    for row in rows:
        click.echo("  ".join(f"{row[name]:{width}}" for name, width in zip(heads, (*widths, 0), strict=True)))


def _row(run: "StoredRun") -> dict[str, str]:
    from datetime import datetime

    from robustbench_cls.report.labels import suite_on_data
    from robustbench_cls.results.store import MANIFEST

    written = datetime.fromtimestamp((run.folder / MANIFEST).stat().st_mtime)
    limit = run.identity.limit
    return {
        "model": run.identity.model,
        "suite": suite_on_data(run),
        "images": str(limit) if limit else "all",
        "date": f"{written:%Y-%m-%d %H:%M}",
        "headline": _headline(run),
        "folder": str(run.folder),
    }


def _headline(run: "StoredRun") -> str:
    """The suite's first number that has a value, with its interval; or how much is still to be measured."""
    from robustbench_cls.cli.output import figure
    from robustbench_cls.metrics.scoring import all_metrics, score, shown

    if run.missing():
        return f"{len(run.missing())} of {len(run.all_conditions)} conditions are missing"
    measures = run.suite.measures
    for asked in measures:
        scores, _ = score("", "", run.predictions(), [asked], only={asked.metric})
        if told := shown([asked], scores):
            return f"{all_metrics()[asked.metric].title} {figure(told[0])}"
    return "no number"
