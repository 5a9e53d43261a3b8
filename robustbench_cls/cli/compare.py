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
@click.option("--json", "as_json", is_flag=True, help="Print all differences as JSON, each severity by itself.")
@click.option("--csv", "csv_path", type=PATH, help="Write the same into a CSV file.")
def command(run_a: Path, run_b: Path, as_json: bool, csv_path: Path | None) -> None:
    """Compare two models image by image: error of RUN_B less that of RUN_A, by suite and corruption."""
    import json
    from dataclasses import asdict

    import pandas as pd

    from robustbench_cls.core.files import atomic
    from robustbench_cls.evaluation.store import find_runs
    from robustbench_cls.report.comparison import compare_runs

    differences, notes = compare_runs(find_runs(run_a), find_runs(run_b))
    rows = [asdict(difference) for difference in differences]
    if csv_path is not None:
        with atomic(csv_path) as temporary:
            pd.DataFrame(rows).to_csv(temporary, index=False)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    click.echo(f"Top-1 error in percent. A: {run_a}  B: {run_b}  (B - A under 0: B is better)")
    several = {(d.suite, d.condition) for d in differences if d.severity == 0}
    for suite in dict.fromkeys(d.suite for d in differences):
        click.secho(
            f"\n{suite:20} {'A':>7} {'B':>7} {'B - A':>7} {'only A right':>13} {'only B right':>13} {'n':>7}", bold=True
        )
        for d in differences:
            if d.suite == suite and (d.severity == 0 or (suite, d.condition) not in several):
                errors = f"{d.error_a * 100:7.2f} {d.error_b * 100:7.2f} {d.difference * 100:+7.2f}"
                click.echo(f"{d.condition:20} {errors} {d.worse:13} {d.better:13} {d.n:7}")
    for note in notes:
        click.echo(f"note: {note}")
