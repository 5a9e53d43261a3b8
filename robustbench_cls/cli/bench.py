"""`robust bench`."""

import json
from dataclasses import asdict
from pathlib import Path

import click

PATH = click.Path(path_type=Path)


@click.group()
def command() -> None:
    """Measure speed on this machine."""


@command.command(epilog="Example: robust bench corruptions --photos 8 --json > speed.json")
@click.option("--photos", default=6, show_default=True, type=click.IntRange(1), help="Photos to measure on.")
@click.option("--size", default=224, show_default=True, type=click.IntRange(32), help="Their height and width in px.")
@click.option("--data", type=PATH, help="A folder of photos, any depth. Default: free ones.")
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(1), help="Passes over the photos.")
@click.option("--corruptions", help="Only these, separated by commas.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def corruptions(
    photos: int, size: int, data: Path | None, repeats: int, corruptions: str | None, as_json: bool
) -> None:
    """Time every corruption against imagecorruptions and, where installed, albumentations, kornia, torchvision."""
    import numpy as np

    from robustbench_cls.bench.corruptions import bench_corruptions
    from robustbench_cls.bench.table import corruption_table
    from robustbench_cls.cli.output import listed
    from robustbench_cls.core.corruption import SEVERITIES
    from robustbench_cls.core.progress import progress_bar
    from robustbench_cls.corruptions.engine import named_corruptions
    from robustbench_cls.data.sample_photos import photos as sample

    names = [corruption.name for corruption in named_corruptions(listed(corruptions))]
    images = [np.array(photo) for photo in sample(data, photos, size)]
    with progress_bar(len(SEVERITIES) * len(names), 0, "corruptions", unit="condition", show=True) as bar:
        measured = bench_corruptions(images, repeats, names, lambda: bar.update(1))
    click.echo(json.dumps(asdict(measured), indent=2) if as_json else corruption_table(measured))


@command.command(epilog="Example: robust bench data --data datasets/imagenet/val --images 100")
@click.option("--data", type=PATH, help="A folder of JPEG files, any depth. Default: free photos of 500 px.")
@click.option("--images", default=24, show_default=True, type=click.IntRange(1), help="Files to measure on, at most.")
@click.option("--repeats", default=10, show_default=True, type=click.IntRange(1), help="Passes over the files.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def data(data: Path | None, images: int, repeats: int, as_json: bool) -> None:
    """Time decoding, resizing and cropping JPEG files against Pillow and torchvision."""
    from robustbench_cls.bench.data import bench_data, data_table, jpeg_files
    from robustbench_cls.core.progress import progress_bar

    files = jpeg_files(data, images)
    with progress_bar(repeats, 0, "decoding", unit="pass", show=True) as bar:
        measured = bench_data(files, repeats, lambda: bar.update(1))
    click.echo(json.dumps(asdict(measured), indent=2) if as_json else data_table(measured))
