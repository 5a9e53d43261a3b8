"""`robust data`: data sets made here."""

import shlex
from pathlib import Path

import click

PATH = click.Path(path_type=Path)


@click.group()
def command() -> None:
    """Make data sets."""


@command.command(epilog="Example: robust data shapes --out datasets/shapes")
@click.option("--out", type=PATH, required=True, help="The data set's root; must not exist yet.")
@click.option("--train", default=300, show_default=True, help="Training images a class.")
@click.option("--val", default=50, show_default=True, help="Validation images a class.")
@click.option("--seed", default=0, show_default=True)
def shapes(out: Path, train: int, val: int, seed: int) -> None:
    """Draw the embedded data set: ten shapes at 64 px with a texture shortcut; train, val, stylized and a."""
    from robustbench_cls.core.progress import progress_items
    from robustbench_cls.data.shapes import build_shapes

    build_shapes(out, train=train, val=val, seed=seed, progress=progress_items)
    small = "--model resnet18 --set epochs=8 --set input_size=64"
    click.echo(f"\nNext: robust train --recipe cutmix {small} --data {shlex.quote(str(out))}")
