"""`robust demo`."""

from pathlib import Path

import click

PATH = click.Path(path_type=Path)

GOES_ON = True
"""Stopped, the same command goes on with what was stored."""


@click.command(short_help="Do everything once, on data made here.")
@click.option("--out", type=PATH, default=Path("reports/demo"), show_default=True, help="Where report and runs go.")
def command(out: Path) -> None:
    """Do everything once, in a few minutes on a CPU: draw data, train two recipes, evaluate, report.

    Stopped, it goes on where it was when started again.
    """
    from robustbench_cls.core.progress import notice

    notice(f"Drawing, training, evaluating and reporting in {out} ...")
    from robustbench_cls.demo import run_demo

    page = run_demo(out)
    from robustbench_cls.cli.output import print_ranking
    from robustbench_cls.report.ranking import rank

    for ranking in rank([out / "runs"])[0]:
        print_ranking(ranking)
    click.echo(f"\nOpen {page.resolve().as_uri()}")
    click.echo(f"Table: {page.with_suffix('.csv')}   Per-image results: {out / 'runs'}")
