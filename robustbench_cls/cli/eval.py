"""`robust eval`."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from robustbench_cls.core.files import CROPS
from robustbench_cls.models.choices import BACKENDS, PRECISIONS

if TYPE_CHECKING:
    from robustbench_cls.core.shard import Shard
    from robustbench_cls.evaluation.options import EvaluationOptions
    from robustbench_cls.results.store import StoredRun

PATH = click.Path(path_type=Path)

GOES_ON = True
"""Stopped, the same command goes on with what was stored."""


@click.command(
    short_help="Measure a model on suites.",
    epilog="Example: robust eval --suite imagenet --suite imagenet-c reports/runs/my-run/best.pt",
)
@click.argument("checkpoints", nargs=-1, metavar="[CHECKPOINT]...", type=PATH)
@click.option("--suite", "suites", multiple=True, required=True, help="Suite name or .py file; several are allowed.")
@click.option("--corruptions", help="Only these of a suite, separated by commas; the part has a name of its own.")
@click.option("--severities", help="Only these of a suite, such as 1,3,5.")
@click.option(
    "--model",
    help="Instead of a checkpoint: a timm name, torchvision:NAME, file.py:FACTORY, or a TorchScript, .pt2 or .onnx "
    "file. All but names are programs: run only those you trust.",
)
@click.option("--weights", type=PATH, help="Weights for --model: .pt, .pth or .safetensors. Default: published ones.")
@click.option("--ordered-match", is_flag=True, help="Match --weights by order where only tensor names differ.")
@click.option("--class-names", type=PATH, help="File with the head's class names, one a line, for foreign heads.")
@click.option("--input-size", type=int, default=0, help="Side in px that the model takes. Default: as it says itself.")
@click.option("--mean", help="Of values in 0..1 by channel, such as 0.485,0.456,0.406. Default: as the model says.")
@click.option("--std", help="The same of standard deviations.")
@click.option("--interpolation", default="", help="bilinear, bicubic, ... Default: as the model says.")
@click.option("--name", default="", help="Under which reports speak of the model. Default: its own.")
@click.option("--data", type=PATH, help="A data set's root with val/, or one split's folder. Default: datasets/.")
@click.option("--limit", default=0, help="Use only N images per split; every model gets the same ones. 0: all.")
@click.option("--seed", default=0, show_default=True, help="Seed of corruptions and of --limit.")
@click.option("--batch-size", default=64, show_default=True)
@click.option("--workers", type=int, help="Threads that decode and corrupt. Default: one a core.")
@click.option("--shard", help="Measure part I of N, as I/N. The last shard to finish merges the results.")
@click.option("--crops", type=PATH, default=CROPS, show_default=True, help="Where decoded crops are kept.")
@click.option("--no-cache", is_flag=True, help="Keep no crops: decode the images for each condition.")
@click.option("--keep-logits", is_flag=True, help="Store the logits too, in half precision.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps, ...")
@click.option("--precision", type=click.Choice(PRECISIONS), default="auto", help="Of the network. auto: float32.")
@click.option("--backend", type=click.Choice(BACKENDS), default="auto", help="What runs it. auto: the fastest one.")
@click.option("--out", type=PATH, help="Folder of the results. Default: the checkpoint's, or reports/runs/<model>.")
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
def command(
    checkpoints: tuple[Path, ...],
    suites: tuple[str, ...],
    corruptions: str | None,
    severities: str | None,
    model: str | None,
    class_names: Path | None,
    mean: str | None,
    std: str | None,
    no_cache: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Measure each CHECKPOINT (or --model) on suites; per-image results go to disk, scores are printed.

    Started again, it measures only what is missing.
    """
    if bool(checkpoints) == (model is not None):
        raise click.UsageError("Name either a CHECKPOINT of `robust train` or a --model.")
    from robustbench_cls.cli.output import listed, parts_of
    from robustbench_cls.core.discovery import find
    from robustbench_cls.core.errors import UserError
    from robustbench_cls.core.progress import notice
    from robustbench_cls.core.suite import Suite
    from robustbench_cls.models.options import ModelOptions, read_class_names, read_shades

    chosen = [find(text, "robustbench_cls.suites", Suite, "suite") for text in suites]
    if corruptions is not None or severities is not None:
        chosen = parts_of(chosen, listed(corruptions), listed(severities))
    rank, options = _options(given, no_cache=no_cache, quiet=as_json)
    about: dict[str, Any] = {
        "class_names": read_class_names(class_names) if class_names else (),
        "mean": read_shades(mean),
    }
    about |= {"std": read_shades(std), **_fields_of(ModelOptions, given)}
    models = [ModelOptions(model=name, **about) for name in checkpoints or (str(model),)]
    for named in models:
        named.check()
        options.check(chosen, named.home())
    if rank.index == 0:
        notice("Loading PyTorch ...")
    from robustbench_cls.cli.output import print_scores
    from robustbench_cls.evaluation.evaluate import evaluate
    from robustbench_cls.evaluation.shards import wait_for_all
    from robustbench_cls.models.load import load

    runs: list[StoredRun] = []
    for named in models:
        classifier = load(named)
        if options.out is not None and classifier.name in {run.identity.model for run in runs}:
            raise UserError(
                f"Two of these models are called {classifier.name}. What was measured so far is stored. Measure the "
                "others by commands of their own, with another --out or --name."
            )
        apart = options.out is not None and len(models) > 1
        own = replace(options, out=Path(str(options.out)) / classifier.name) if apart else options
        runs += evaluate(classifier, chosen, own)
    if rank.count > 1:
        wait_for_all()
    if rank.index == 0:
        code = [text for text in suites if text.endswith(".py")]
        print_scores(runs, as_json=as_json, shard=options.shard, code=code)


def _options(given: Mapping[str, Any], *, no_cache: bool, quiet: bool) -> "tuple[Shard, EvaluationOptions]":
    """This process among those of torchrun, and the options of the evaluation."""
    from robustbench_cls.core.errors import UserError
    from robustbench_cls.core.shard import torchrun_shard
    from robustbench_cls.evaluation.options import EvaluationOptions

    rank = torchrun_shard()
    if rank.count > 1 and given["shard"] is not None:
        raise UserError("torchrun shares the work itself. Leave out --shard, or start single processes with it.")
    told = {**_fields_of(EvaluationOptions, given), "progress": rank.index == 0 and not quiet}
    told |= {"shard": str(rank)} if rank.count > 1 else {}
    return rank, EvaluationOptions(**{**told, **({"crops": None} if no_cache else {})})


def _fields_of(kind: type[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are fields of a dataclass."""
    return {field.name: given[field.name] for field in fields(kind) if field.name in given}
