"""`robust train`."""

import shlex
import time
from datetime import timedelta
from pathlib import Path

import click

PATH = click.Path(path_type=Path)

GOES_ON = True
"""Stopped, the same command goes on with what was stored."""


@click.command(
    short_help="Train a classifier under a recipe.",
    epilog="Example: robust train --recipe cutmix --model resnet18 --data DIR --set epochs=30",
)
@click.option(
    "--recipe",
    default="baseline",
    show_default=True,
    help="Recipe name, names joined by +, or .py file; see robust list recipes.",
)
@click.option("--model", default="resnet50", show_default=True, help="Any timm classifier.")
@click.option("--data", type=PATH, help="Root with train/ (folders or parquet). Default: datasets/imagenet.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a setting, e.g. --set epochs=4; see robust list settings.",
)
@click.option("--start", default="", metavar="FILE", help="Weights to begin with; 'published' for those of timm.")
@click.option(
    "--limit",
    default=0,
    show_default=True,
    help="Use this many training images, held-out ones among them; always the same. 0 for all.",
)
@click.option(
    "--name",
    default="",
    help="Name of the run: letters, digits and . _ + -. Default: <model>-<recipe>-s<seed>.",
)
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--seeds", default=1, show_default=True, help="Train this many seeds, from --seed on; under torchrun side by side."
)
@click.option("--shard", default="", metavar="I/N", help="With --seeds: the I-th of N jobs that share them.")
@click.option("--precision", default="auto", show_default=True, help="auto, float32, bfloat16 or float16.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps, ...")
@click.option("--workers", type=int, help="Loading processes. Default: one a core.")
@click.option("--sync-bn", is_flag=True, help="Under torchrun: batch norms take their statistics from all processes.")
@click.option("--track", multiple=True, help="tensorboard, wandb or mlflow: gets the numbers of each epoch as well.")
@click.option("--out", type=PATH, help="Folder of the run. Default: reports/runs/<name>.")
@click.option(
    "--verify-resume", is_flag=True, help="Prove on some images that a stopped training goes on to the same bytes."
)
def command(
    recipe: str,
    model: str,
    data: Path | None,
    overrides: tuple[str, ...],
    start: str,
    limit: int,
    name: str,
    seed: int,
    seeds: int,
    shard: str,
    precision: str,
    device: str,
    workers: int | None,
    sync_bn: bool,
    track: tuple[str, ...],
    out: Path | None,
    verify_resume: bool,
) -> None:
    """Train a classifier under a recipe; started again, it goes on where it stopped.

    Writes best.pt, last.pt, log.csv, log.jsonl, timing.csv and curves.png. Under torchrun, its processes share each
    step.
    """
    from robustbench_cls.cli.settings import read_settings
    from robustbench_cls.core.progress import notice
    from robustbench_cls.core.shard import torchrun_shard
    from robustbench_cls.training.combining import find_recipe
    from robustbench_cls.training.options import TrainingOptions
    from robustbench_cls.training.seeds import own_seeds

    chosen = find_recipe(recipe)
    options = TrainingOptions(
        data=data,
        overrides={**read_settings(overrides, chosen, model), **({"sync_batch_norm": True} if sync_bn else {})},
        seed=seed,
        name=name,
        precision=precision,
        limit=limit,
        start=start,
        out=out,
        device=device,
        workers=workers,
        trackers=track,
    )
    runs = own_seeds(options, seeds, shard)
    if not runs:
        notice(f"No seed falls to job {shard}: there are only {seeds}.")
        return
    for run in runs:
        run.check(model, chosen)
    notice("Loading PyTorch ...")
    if verify_resume:
        from robustbench_cls.training.verify import verify_resume as verify

        for run in runs:
            click.echo(verify(model, chosen, run))
        return
    from robustbench_cls.training.train import train

    for run in runs:
        started = time.monotonic()
        best = train(model, chosen, run)
        if run.alone or not torchrun_shard().index:
            _tell(best, timedelta(seconds=round(time.monotonic() - started)), data)


def _tell(best: Path, took: timedelta, data: Path | None) -> None:
    """Say what the training came to, and what may come next."""
    from robustbench_cls.models.checkpoint import read_checkpoint

    about, _, _ = read_checkpoint(best)
    told = f"The weights are those of the last epoch, {about.epoch}: no images were held out to choose others."
    if about.selection != "last epoch":
        told = (
            f"{about.top1_accuracy:.1%} of the held-out training images are right after epoch {about.epoch}, the best "
            f"of at most {about.settings['epochs']}. They chose the weights: measure these on other images."
        )
    click.echo(f"\n{told}\nIts weights: {best}\nThis took {took}.")
    where = f" --data {shlex.quote(str(data))}" if data else ""
    suites = "--suite cifar-10-c" if about.preprocessing.input_size == 32 else "--suite imagenet --suite imagenet-c"
    click.echo(f"\nNext: robust eval {suites}{where} {shlex.quote(str(best))}")
