"""`robust list`."""

import json

import click

KINDS = ("suites", "recipes", "corruptions", "metrics", "settings")


@click.command(short_help="Show suites, recipes, corruptions and metrics.", epilog="Example: robust list recipes")
@click.argument("kinds", nargs=-1, type=click.Choice(KINDS))
@click.option("--recipe", default="baseline", show_default=True, help="Of which recipe settings are shown.")
@click.option("--model", default="", help="Of which model settings are shown. Default: of every family.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(kinds: tuple[str, ...], recipe: str, model: str, as_json: bool) -> None:
    """Show the suites, recipes, corruptions and metrics there are, with their sources, and what --set can change."""
    asked = kinds or KINDS
    found = {kind: _settings(recipe, model) if kind == "settings" else _rows(kind) for kind in asked}
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for kind, rows in found.items():
        click.secho(f"\n{kind}", bold=True)
        keys = list(rows[0])
        widths = [max(len(row[key]) for row in rows) for key in keys[:-1]]
        if kind == "settings":
            rows = [dict(zip(keys, keys, strict=True)), *rows]
            widths = [max(width, len(key)) for width, key in zip(widths, keys, strict=False)]
        for row in rows:
            click.echo("  " + "  ".join(f"{row[key]:{width}}" for key, width in zip(keys, (*widths, 0), strict=True)))


def _settings(name: str, model: str) -> list[dict[str, str]]:
    """Settings that `--set` can change: name, type, and the default for a model, or for each family of models."""
    from dataclasses import fields

    from robustbench_cls.core.recipe import Regimen
    from robustbench_cls.models.names import family_of
    from robustbench_cls.training.combining import find_recipe
    from robustbench_cls.training.regimens import REGIMENS, settle

    recipe = find_recipe(name)
    families = {model: family_of(model)} if model else {family: family for family in REGIMENS}
    regimens = {shown: settle(recipe, family, {})[0] for shown, family in families.items()}
    rows = [
        {
            "name": field.name,
            "type": type(field.default).__name__,
            **{family: str(getattr(regimen, field.name)) for family, regimen in regimens.items()},
            "meaning": field.metadata["meaning"],
        }
        for field in fields(Regimen)
    ]
    own = [
        {
            "name": key,
            "type": type(value).__name__,
            **dict.fromkeys(families, str(value)),
            "meaning": f"of the recipe {recipe.name}",
        }
        for key, value in recipe.settings.items()
    ]
    return [*own, *rows]


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
