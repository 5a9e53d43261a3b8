"""`robust report`."""

from pathlib import Path

import click

PATH = click.Path(path_type=Path)


def _only_a_training(folder: Path) -> bool:
    """It holds checkpoints of `robust train` and no results."""
    return (folder / "last.pt").is_file() and not any(folder.rglob("run.json"))


@click.command(
    short_help="Write one HTML page and a CSV about runs.",
    epilog="Example: robust report reports/runs/baseline reports/runs/cutmix --out reports/page.html",
)
@click.argument("runs", nargs=-1, required=True, type=PATH)
@click.option("--out", type=PATH, default=Path("reports/report.html"), show_default=True, help="The page; CSV beside.")
@click.option("--baseline", type=PATH, help="Runs of one model: CE and mCE against its errors, on any classes.")
@click.option("--code", type=PATH, multiple=True, help="Your own .py file with metrics that a suite is about.")
def command(runs: tuple[Path, ...], out: Path, baseline: Path | None, code: tuple[Path, ...]) -> None:
    """Write one HTML page and a CSV about RUNS, folders that `robust eval` wrote. Needs no GPU and no torch."""
    from robustbench_cls.core.progress import notice

    notice("Reading results ...")
    from robustbench_cls.core.discovery import take_in
    from robustbench_cls.metrics.scoring import unknown
    from robustbench_cls.report.page import write_report
    from robustbench_cls.results.manifest import find_runs

    for path in code:
        take_in(path)
    trainings = [folder for folder in runs if _only_a_training(folder)]
    for folder in trainings if len(trainings) < len(runs) else ():
        notice(f"{folder} holds a training and no results yet, so it is left out. Measure it: robust eval.")
    runs = tuple(folder for folder in runs if folder not in trainings) or runs
    page = write_report(runs, out, baseline=baseline)
    for run in (run for folder in runs for run in find_runs(folder)):
        if run.missing():
            click.echo(f"Partial: {run.folder} lacks {len(run.missing())} of {len(run.all_conditions)} conditions.")
        for text in unknown(run.suite.measures):
            click.echo(f"Note: {run.folder}: {text}")
    click.echo(f"Page:  {page}\nTable: {page.with_suffix('.csv')}")
