"""`robust compare`."""

from pathlib import Path

import click

PATH = click.Path(path_type=Path)


@click.command(
    short_help="Compare models image by image.",
    epilog="Example: robust compare reports/runs/baseline reports/runs/cutmix --csv differences.csv",
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN_A RUN_B [RUN]...", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="Print the differences in every metric as JSON.")
@click.option("--csv", "csv_path", type=PATH, help="Write the same into a CSV file.")
@click.option("--code", type=PATH, multiple=True, help="Your own .py file with metrics that a suite is about.")
def command(runs: tuple[Path, ...], as_json: bool, csv_path: Path | None, code: tuple[Path, ...]) -> None:
    """Compare two models image by image, with 95 % intervals: RUN_B less RUN_A, by suite and corruption.

    More than two are ranked by each suite's headline, with the difference from the first.
    """
    if len(runs) < 2:
        raise click.UsageError("Name at least two runs: folders that `robust eval` wrote.")
    from robustbench_cls.core.progress import notice

    notice("Reading results ...")
    from robustbench_cls.cli.output import COMPARED, as_text, print_comparison, print_ranking
    from robustbench_cls.core.discovery import take_in
    from robustbench_cls.core.errors import UserError
    from robustbench_cls.core.files import atomic
    from robustbench_cls.report.comparison import compare_runs
    from robustbench_cls.report.ranking import rank
    from robustbench_cls.results.manifest import find_runs

    for path in code:
        take_in(path)
    notes: tuple[str, ...] | list[str]
    if len(runs) == 2:
        comparisons, notes = compare_runs(find_runs(runs[0]), find_runs(runs[1]))
        rows = [row for comparison in comparisons for row in comparison.rows()]
    else:
        rankings, notes = rank(runs)
        rows = [row for ranking in rankings for row in ranking.rows()]
        if not rankings:
            raise UserError("No two of these runs have measured a suite completely and alike. Finish them first.")
    if csv_path is not None:
        import pandas as pd

        with atomic(csv_path) as temporary:
            pd.DataFrame(rows).to_csv(temporary, index=False)
    if as_json:
        click.echo(as_text(rows))
        return
    if len(runs) == 2:
        click.echo(f"A: {runs[0]}  B: {runs[1]}")
        for comparison in comparisons:
            print_comparison(comparison)
        click.echo(COMPARED.rstrip())
    else:
        for ranking in rankings:
            print_ranking(ranking)
    for note in notes:
        click.echo(f"note: {note}")
