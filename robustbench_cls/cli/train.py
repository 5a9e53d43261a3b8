"""`robust train`."""

import shlex
import time
from datetime import timedelta
from pathlib import Path

import click

PATH = click.Path(path_type=Path)


@click.command(
    short_help="Train a classifier under a recipe.",
    epilog="Example: robust train --recipe cutmix --model resnet18 --data DIR --set epochs=30",
)
@click.option(
    "--recipe", default="baseline", show_default=True, help="Recipe name or .py file; see robust list recipes."
)
@click.option("--model", default="resnet50", show_default=True, help="Any timm classifier.")
@click.option("--data", type=PATH, help="Root with train/ and val/ (folders or parquet). Default: datasets/imagenet.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a setting, e.g. --set epochs=4; see robust list settings.",
)
@click.option(
    "--name",
    default="",
    help="Of the run: letters, digits and . _ + -. Default: <model>-<recipe>-s<seed>.",
)
@click.option("--seed", default=0, show_default=True)
@click.option("--precision", default="auto", show_default=True, help="auto, float32, bfloat16 or float16.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps, ...")
@click.option("--workers", type=int, help="Loading processes. Default: one a core.")
@click.option("--out", type=PATH, help="Folder of the run. Default: reports/runs/<name>.")
def command(
    recipe: str,
    model: str,
    data: Path | None,
    overrides: tuple[str, ...],
    name: str,
    seed: int,
    precision: str,
    device: str,
    workers: int | None,
    out: Path | None,
) -> None:
    """Train a classifier under a recipe; started again, it goes on after the last whole epoch.

    Writes best.pt, last.pt, log.csv and curves.png.
    """
    from robustbench_cls.cli.settings import read_settings
    from robustbench_cls.core.discovery import find
    from robustbench_cls.core.progress import notice
    from robustbench_cls.core.recipe import Recipe
    from robustbench_cls.training.options import TrainingOptions

    chosen = find(recipe, "robustbench_cls.recipes", Recipe, "recipe")
    options = TrainingOptions(
        data=data,
        overrides=read_settings(overrides, chosen, model),
        seed=seed,
        name=name,
        precision=precision,
        out=out,
        device=device,
        workers=workers,
    )
    options.check(model, chosen)
    notice("Loading PyTorch ...")
    from robustbench_cls.models.checkpoint import read_checkpoint
    from robustbench_cls.training.train import train

    started = time.monotonic()
    best = train(model, chosen, options)
    took = timedelta(seconds=round(time.monotonic() - started))
    about, _, _ = read_checkpoint(best)
    click.echo(
        f"\n{about.top1_accuracy:.1%} of the val images are right after epoch {about.epoch}, the best of "
        f"{about.settings['epochs']} on val.\nIts weights: {best}\nThis took {took}."
    )
    where = f" --data {shlex.quote(str(data))}" if data else ""
    click.echo(f"\nNext: robust eval --suite imagenet --suite imagenet-c{where} {shlex.quote(str(best))}")
