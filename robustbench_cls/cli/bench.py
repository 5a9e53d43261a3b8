"""`robust bench`."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import click

from robustbench_cls.models.choices import BACKENDS, PRECISIONS

PATH = click.Path(path_type=Path)

RECIPES = ("baseline", "randaugment", "autoaugment", "three-augment", "random-erasing", "mixup", "cutmix", "augmix")
"""Recipes that timm has, too."""


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
    from robustbench_cls.cli.output import listed
    from robustbench_cls.core.progress import notice, progress_bar
    from robustbench_cls.corruptions.engine import named_corruptions

    names = [corruption.name for corruption in named_corruptions(listed(corruptions))]
    notice("Loading the packages to compare with ...")
    import numpy as np

    from robustbench_cls.bench.corruptions import bench_corruptions
    from robustbench_cls.bench.table import corruption_table
    from robustbench_cls.core.corruption import SEVERITIES
    from robustbench_cls.data.sample_photos import photos as sample

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
    from robustbench_cls.core.progress import notice, progress_bar

    notice("Loading Pillow and torchvision ...")
    from robustbench_cls.bench.data import bench_data, jpeg_files
    from robustbench_cls.bench.table import data_table

    files = jpeg_files(data, images)
    with progress_bar(repeats, 0, "decoding", unit="pass", show=True) as bar:
        measured = bench_data(files, repeats, lambda: bar.update(1))
    click.echo(json.dumps(asdict(measured), indent=2) if as_json else data_table(measured))


@command.command(epilog="Example: robust bench statistics --images 50000")
@click.option("--images", default=50_000, show_default=True, type=click.IntRange(100), help="Images in each condition.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def statistics(images: int, as_json: bool) -> None:
    """Time all metrics of an ImageNet-C run with their bootstrap intervals."""
    from robustbench_cls.core.progress import notice

    notice(f"Drawing the answers to {images:,} images in each condition ...")
    from robustbench_cls.bench.statistics import bench_statistics
    from robustbench_cls.bench.table import statistics_table

    measured = bench_statistics(images)
    click.echo(json.dumps(asdict(measured), indent=2) if as_json else statistics_table(measured))


@command.command(name="eval", epilog="Example: robust bench eval --model resnet50 --data datasets/imagenet --images 64")
@click.argument("checkpoint", required=False, type=PATH)
@click.option("--model", help="As in robust eval, instead of a checkpoint.")
@click.option("--weights", type=PATH, help="As in robust eval. Default: random ones.")
@click.option("--ordered-match", is_flag=True, help="As in robust eval.")
@click.option("--suite", default="imagenet-c", show_default=True, help="A suite that corrupts.")
@click.option("--data", type=PATH, help="As in robust eval.")
@click.option("--images", default=64, show_default=True, type=click.IntRange(1), help="Images in each condition.")
@click.option("--batch-size", default=32, show_default=True, type=click.IntRange(1))
@click.option("--workers", type=int, help="Threads that make images. Default: one a core.")
@click.option("--device", default="auto", show_default=True, help="As in robust eval.")
@click.option("--precision", type=click.Choice(PRECISIONS), default="auto", help="As in robust eval.")
@click.option("--backend", type=click.Choice(BACKENDS), default="auto", help="As in robust eval.")
@click.option("--against", is_flag=True, help="Also the usual loop: imagecorruptions in a DataLoader, eager PyTorch.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def evaluation(
    checkpoint: Path | None,
    model: str | None,
    weights: Path | None,
    ordered_match: bool,
    suite: str,
    data: Path | None,
    images: int,
    batch_size: int,
    workers: int | None,
    device: str,
    precision: str,
    backend: str,
    against: bool,
    as_json: bool,
) -> None:
    """Time an evaluation beside the forward pass alone, and beside the loop it replaces."""
    if (checkpoint is None) == (model is None):
        raise click.UsageError("Name either a CHECKPOINT or a --model.")
    from robustbench_cls.core.discovery import find
    from robustbench_cls.core.errors import UserError
    from robustbench_cls.core.progress import notice
    from robustbench_cls.core.suite import Suite
    from robustbench_cls.core.workers import loading_workers
    from robustbench_cls.evaluation.options import EvaluationOptions
    from robustbench_cls.models.options import ModelOptions

    chosen = find(suite, "robustbench_cls.suites", Suite, "suite")
    if not chosen.corrupts:
        raise UserError(f"'{chosen.name}' corrupts nothing; `robust bench eval` takes a suite that does: imagenet-c.")
    named = ModelOptions(checkpoint or str(model), weights, ordered_match, (), device, precision, backend)
    named.check()
    options = EvaluationOptions(data=data, limit=images, batch_size=batch_size, workers=loading_workers(workers))
    options.check([chosen])
    notice("Loading PyTorch ...")
    from robustbench_cls.bench.evaluation import bench_evaluation, load_for_speed
    from robustbench_cls.bench.table import evaluation_table

    classifier = load_for_speed(named)
    plain = load_for_speed(replace(named, precision="float32", backend="torch")) if against else None
    measured = bench_evaluation(classifier, chosen, options, loading_workers(workers), plain, notice)
    click.echo(json.dumps(asdict(measured), indent=2) if as_json else evaluation_table(measured))


@command.command(epilog="Example: robust bench train --data datasets/imagenet --recipes baseline,augmix")
@click.option("--data", type=PATH, help="A data set of photos, or its class folders. Default: free photos of 500 px.")
@click.option("--small", type=PATH, help="A data set of small images, such as CIFAR-10, measured at 32 px as well.")
@click.option("--recipes", default=",".join(RECIPES), show_default=True, help="Separated by commas.")
@click.option("--size", default=224, show_default=True, type=click.IntRange(32), help="Side of photos' crops in px.")
@click.option("--interpolation", type=click.Choice(["bilinear", "bicubic"]), default="bicubic", show_default=True)
@click.option("--workers", type=int, help="Loading processes of each engine. Default: one a core.")
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(0), help="Turns of each; 0: no comparison.")
@click.option("--seconds", default=3.0, show_default=True, type=click.FloatRange(0), help="Of a turn.")
@click.option("--model", default="test_resnet", show_default=True, help="Learns from --small, else from --data.")
@click.option("--input-size", default=32, show_default=True, type=click.IntRange(1), help="The model's, in px.")
@click.option("--batch-size", default=128, show_default=True, type=click.IntRange(2), help="The model's.")
@click.option("--steps", default=100, show_default=True, type=click.IntRange(0), help="Of the model; 0: none.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def train(
    data: Path | None,
    small: Path | None,
    recipes: str,
    size: int,
    interpolation: str,
    workers: int | None,
    rounds: int,
    seconds: float,
    model: str,
    input_size: int,
    batch_size: int,
    steps: int,
    as_json: bool,
) -> None:
    """Time the making of training images against timm, and tell where the time of a step goes.

    The steps are those of the first recipe. Free photos are few and alike: name photos of your own.
    """
    from robustbench_cls.cli.output import listed
    from robustbench_cls.core.progress import notice
    from robustbench_cls.core.workers import loading_workers
    from robustbench_cls.training.combining import find_recipe

    chosen = [find_recipe(name) for name in listed(recipes)]
    loading = loading_workers(workers)
    notice("Loading PyTorch and timm ...")
    from robustbench_cls.bench.loading import Turns
    from robustbench_cls.bench.table import training_table
    from robustbench_cls.bench.training import Asked, bench_training

    turns = Turns(loading, rounds, seconds)
    asked = Asked(data, small, size, interpolation, turns, model, input_size, batch_size, steps)
    measured = bench_training(asked, chosen, notice)
    click.echo(json.dumps(asdict(measured), indent=2, default=str) if as_json else training_table(measured))
