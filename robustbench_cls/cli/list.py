"""`robust list`."""

import json

import click

KINDS = ("suites", "recipes", "corruptions", "metrics")


@click.command(short_help="Show suites, recipes, corruptions and metrics.", epilog="Example: robust list recipes")
@click.argument("kinds", nargs=-1, type=click.Choice(KINDS))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(kinds: tuple[str, ...], as_json: bool) -> None:
    """Show the suites, recipes, corruptions and metrics there are, with their sources."""
    found = {kind: _rows(kind) for kind in kinds or KINDS}
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for kind, rows in found.items():
        click.secho(f"\n{kind}", bold=True)
        widths = [max(len(row[key]) for row in rows) for key in ("name", "title")]
        for row in rows:
            click.echo(f"  {row['name']:{widths[0]}}  {row['title']:{widths[1]}}  {row['source']}")


def _rows(kind: str) -> list[dict[str, str]]:
    from robustbench_cls.core.discovery import discover
    from robustbench_cls.core.metric import Metric
    from robustbench_cls.core.recipe import Recipe
    from robustbench_cls.core.suite import Suite
    from robustbench_cls.corruptions.engine import all_corruptions
    from robustbench_cls.metrics.scoring import all_metrics

    if kind == "corruptions":
        return [{"name": c.name, "title": c.group, "source": c.source} for c in all_corruptions().values()]
    suites = discover("robustbench_cls.suites", Suite) if kind == "suites" else {}
    recipes = discover("robustbench_cls.recipes", Recipe) if kind == "recipes" else {}
    metrics = all_metrics() if kind == "metrics" else {}
    found: list[Suite | Recipe | Metric] = [*suites.values(), *recipes.values(), *metrics.values()]
    return [{"name": item.name, "title": item.title, "source": item.source} for item in found]
