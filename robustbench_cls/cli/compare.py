"""`robust compare`."""

from pathlib import Path

import click

PATH = click.Path(path_type=Path)


@click.command(
    short_help="Compare two models image by image.",
    epilog="Example: robust compare reports/runs/baseline reports/runs/cutmix --csv differences.csv",
)
@click.argument("run_a", type=PATH)
@click.argument("run_b", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="Print the differences in every metric as JSON.")
@click.option("--csv", "csv_path", type=PATH, help="Write the same into a CSV file.")
@click.option("--code", type=PATH, multiple=True, help="Your own .py file with metrics that a suite is about.")
def command(run_a: Path, run_b: Path, as_json: bool, csv_path: Path | None, code: tuple[Path, ...]) -> None:
    """Compare two models image by image, with 95 % intervals: RUN_B less RUN_A, by suite and corruption."""
    from dataclasses import asdict

    from robustbench_cls.core.progress import notice

    notice("Reading results ...")
    from robustbench_cls.cli.output import as_text, print_comparison
    from robustbench_cls.core.discovery import take_in
    from robustbench_cls.core.files import atomic
    from robustbench_cls.report.comparison import compare_runs
    from robustbench_cls.results.store import find_runs

    for path in code:
        take_in(path)
    comparisons, notes = compare_runs(find_runs(run_a), find_runs(run_b))
    rows = [asdict(difference) for comparison in comparisons for difference in comparison.differences]
    if csv_path is not None:
        import pandas as pd

        with atomic(csv_path) as temporary:
            pd.DataFrame(rows).to_csv(temporary, index=False)
    if as_json:
        click.echo(as_text(rows))
        return
    click.echo(f"A: {run_a}  B: {run_b}")
    for comparison in comparisons:
        print_comparison(comparison)
    click.echo(
        "\nonly A, only B: answers that only that model gets right, in all conditions of a row. "
        "Rows are judged after Holm's correction for their number."
    )
    for note in notes:
        click.echo(f"note: {note}")
