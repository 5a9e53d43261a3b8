"""`robust data`: data sets made here."""

import shlex
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import click

from robustbench_cls.core.corruption import VARIANTS, Variant
from robustbench_cls.core.errors import UserError

PATH = click.Path(path_type=Path)
SIDE = click.IntRange(0, 8192)

GOES_ON = True
"""Stopped, the same command goes on with what was stored."""


@click.group()
def command() -> None:
    """Make data sets, and pictures of what is done to them."""


@command.command(epilog="Example: robust data shapes --out datasets/shapes")
@click.option("--out", type=PATH, required=True, help="The data set's root, a new folder.")
@click.option("--train", default=300, show_default=True, help="Training images a class.")
@click.option("--val", default=50, show_default=True, help="Validation images a class.")
@click.option("--seed", default=0, show_default=True)
def shapes(out: Path, train: int, val: int, seed: int) -> None:
    """Draw the embedded data set: ten shapes at 64 px with a texture shortcut; train, val, stylized and a."""
    from robustbench_cls.builders.shapes import build_shapes
    from robustbench_cls.core.progress import notice, progress_items

    notice(f"Drawing shapes into {out} ...")
    build_shapes(out, train=train, val=val, seed=seed, progress=progress_items)
    small = "--model resnet18 --set epochs=8 --set input_size=64"
    click.echo(f"\nNext: robust train --recipe cutmix {small} --data {shlex.quote(str(out))}")


@command.command(epilog="Example: robust data corrupt --data datasets/imagenet/val --out datasets/imagenet-c")
@click.option("--data", type=PATH, required=True, help="Root with val/ (folders or parquet), or one split's folder.")
@click.option(
    "--out", type=PATH, required=True, help="The new folder: <corruption>/<severity>/<class>/<image>, or arrays."
)
@click.option("--corruptions", help="Some, separated by commas. Default: all 19; see robust list corruptions.")
@click.option("--resize", type=SIDE, help="Shorter side in px; 0: as is.  [default: 256; cifar: 0]")
@click.option("--crop", type=SIDE, help="Centre square in px; 0: all.  [default: 224; cifar: 0]")
@click.option("--limit", default=0, type=click.IntRange(0), help="Images, drawn by key. Default: all.")
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--variant",
    default="published",
    show_default=True,
    type=click.Choice(VARIANTS),
    help="As the code behind the published files, as the package, or as CIFAR-10-C, in arrays.",
)
@click.option("--jobs", type=click.IntRange(1), help="Threads. Default: one a core.")
def corrupt(
    data: Path,
    out: Path,
    corruptions: str | None,
    resize: int | None,
    crop: int | None,
    limit: int,
    seed: int,
    variant: Variant,
    jobs: int | None,
) -> None:
    """Write an ImageNet-C or a CIFAR-10-C of your images to disk.

    Layout and JPEG quality 85 as published; names of other files get .JPEG behind them. Images are cut as ImageNet's
    unless --resize 0 --crop 0 leaves them as they are. --variant cifar leaves them, and writes an array a corruption,
    without a JPEG step, as CIFAR-10-C is published. Started again, it goes on.
    """
    from robustbench_cls.cli.output import listed
    from robustbench_cls.core.progress import notice, progress_bar
    from robustbench_cls.corruptions.engine import named_corruptions

    chosen = named_corruptions(listed(corruptions))
    notice("Loading PyTorch ...")
    from robustbench_cls.builders.corrupted_arrays import VARIANT, write_corrupted_arrays
    from robustbench_cls.builders.corrupted_tree import TreeOptions, measurable_on, write_corrupted_tree
    from robustbench_cls.data.locate import clean_of

    arrays = variant == VARIANT
    if arrays and (resize or crop or limit):
        raise UserError("--variant cifar writes all images as they are: leave --resize, --crop and --limit out.")
    with ExitStack() as stack:

        def bar(total: int, done: int) -> Callable[[int], object]:
            return stack.enter_context(progress_bar(total, done, str(out), show=True)).update

        if arrays:
            write_corrupted_arrays(data, out, chosen, seed=seed, jobs=jobs, progress=bar)
        else:
            cut = TreeOptions()
            sides = (cut.resize if resize is None else resize, cut.crop if crop is None else crop)
            options = TreeOptions(*sides, limit, seed, variant)
            write_corrupted_tree(data, out, chosen, options, jobs=jobs, progress=bar)
    click.echo(f"\n{'Arrays' if arrays else 'Tree'}: {out}")
    suites = measurable_on(chosen, variant)
    for suite in [s for s in suites if s.name == out.name] or suites[:1]:
        click.echo(f"Next: robust eval --suite {suite.name} --data {shlex.quote(str(out))} CHECKPOINT")
        if not clean_of(suite, out):
            need = "The clean images are needed beside them" if arrays else "To measure the clean images beside them"
            click.echo(f"{need}: link or copy your val folder to {out / 'val'}, or test-*.parquet into {out}, first.")


@command.command(epilog="Example: robust data gallery --photo cat.jpg --out gallery.jpg")
@click.option("--photo", type=PATH, help="Any image. Default: a cat.")
@click.option("--out", type=PATH, required=True, help="The picture, .jpg or .png.")
@click.option(
    "--side", default=96, show_default=True, type=click.IntRange(32, 1024), help="Width of each small picture in px."
)
@click.option("--seed", default=0, show_default=True)
def gallery(photo: Path | None, out: Path, side: int, seed: int) -> None:
    """Show every corruption at every severity on one photo."""
    from robustbench_cls.core.files import atomic
    from robustbench_cls.core.progress import notice
    from robustbench_cls.corruptions.gallery import gallery as make
    from robustbench_cls.data.sample_photos import read_photo, sample_photos

    kinds = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}
    if out.suffix.lower() not in kinds:
        raise UserError(f"The gallery is a .jpg or .png picture; expected such a name, got {out}.")
    notice("Corrupting the photo ...")
    page = make(read_photo(photo or sample_photos()[0]), side, seed)
    with atomic(out) as temporary:
        page.save(temporary, format=kinds[out.suffix.lower()], quality=85)
    click.echo(f"Picture: {out}")
