"""`robust selfcheck`."""

import json
import sys

import click


@click.command(
    short_help="Check that this installation computes what it must.", epilog="Example: robust selfcheck --json"
)
@click.option("-v", "--verbose", is_flag=True, help="Print a line for each check.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(verbose: bool, as_json: bool) -> None:
    """Compute published numbers anew, and compare corruptions, class lists and versions with what they must be.

    Ends with status 1 where a row fails.
    """
    from dataclasses import asdict

    from robustbench_cls.core.progress import notice

    notice("Checking this installation ...")
    from robustbench_cls.selfcheck import run_checks

    checks = []
    for check in run_checks():
        checks.append(check)
        if verbose and not as_json:
            mark = click.style("ok  ", fg="green") if check.ok else click.style("FAIL", fg="red", bold=True)
            told = check.found if check.ok else f"{check.found}, expected {check.expected}"
            click.echo(f"{mark}  {check.name:60}  {told}")
    failed = [check for check in checks if not check.ok]
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        detail = "" if verbose or failed else " robust selfcheck -v shows them."
        click.echo(f"{len(checks) - len(failed)} of {len(checks)} checks hold.{detail}")
    for check in failed:
        click.echo(f"robust: {check.name}: expected {check.expected}, found {check.found}.", err=True)
    sys.exit(1 if failed else 0)
