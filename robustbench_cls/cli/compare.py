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
def command(run_a: Path, run_b: Path, as_json: bool, csv_path: Path | None) -> None:
    """Compare two models image by image, with 95 % intervals: RUN_B less RUN_A, by suite and corruption."""
    import json
    from dataclasses import asdict

    from robustbench_cls.core.progress import notice

    notice("Reading results ...")
    import pandas as pd

    from robustbench_cls.core.files import atomic
    from robustbench_cls.report.comparison import compare_runs, in_words
    from robustbench_cls.results.store import find_runs

    differences, notes = compare_runs(find_runs(run_a), find_runs(run_b))
    rows = [asdict(difference) for difference in differences]
    if csv_path is not None:
        with atomic(csv_path) as temporary:
            pd.DataFrame(rows).to_csv(temporary, index=False)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    click.echo(f"A: {run_a}  B: {run_b}")
    for suite in dict.fromkeys(d.suite for d in differences):
        own = [d for d in differences if d.suite == suite]
        head = f"{'A':>7} {'B':>7} {'B - A':>7} {'95 % interval':>17} {'only A':>7} {'only B':>7}"
        click.secho(f"\n{f'{suite}, n = {own[0].n:,}':22} {head}", bold=True)
        shown = [d for d in own if d.metric in ("error", "shape_bias") and not d.severity]
        shown += [d for d in own if d.metric == "corruption_error_unnormalised"]
        shown += [d for d in own if d.metric in ("mean_corruption_error_unnormalised", "mce")]
        for d in shown:
            name = {"mce": "mCE", "mean_corruption_error_unnormalised": "mean", "shape_bias": "shape bias"}.get(
                d.metric, d.condition
            )
            values = f"{d.value_a * d.scale:7.2f} {d.value_b * d.scale:7.2f} {d.difference * d.scale:+7.2f}"
            ends = f"{d.low * d.scale:+.2f} .. {d.high * d.scale:+.2f}"
            click.echo(f"{name:22} {values} {ends:>17} {d.only_a:7} {d.only_b:7}  {d.verdict}")
        click.echo(f"\n{in_words(differences, suite)}")
    click.echo(
        "\nTop-1 error in percent, mean over severities. only A, only B: answers that only that model gets right, in "
        "all conditions of a row. "
        "Rows are judged after Holm's correction for their number."
    )
    for note in notes:
        click.echo(f"note: {note}")
