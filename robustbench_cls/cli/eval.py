"""`robust eval`."""

from pathlib import Path

import click

from robustbench_cls.core.files import CROPS
from robustbench_cls.models.choices import BACKENDS, PRECISIONS

PATH = click.Path(path_type=Path)


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
    weights: Path | None,
    ordered_match: bool,
    class_names: Path | None,
    input_size: int,
    mean: str | None,
    std: str | None,
    interpolation: str,
    name: str,
    data: Path | None,
    limit: int,
    seed: int,
    batch_size: int,
    workers: int | None,
    shard: str | None,
    crops: Path,
    no_cache: bool,
    keep_logits: bool,
    device: str,
    precision: str,
    backend: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Measure each CHECKPOINT (or --model) on suites; per-image results go to disk, scores are printed.

    Started again, it measures only what is missing.
    """
    if bool(checkpoints) == (model is not None):
        raise click.UsageError("Name either a CHECKPOINT of `robust train` or a --model.")
    from dataclasses import replace

    from robustbench_cls.cli.output import listed, parts_of
    from robustbench_cls.core.discovery import find
    from robustbench_cls.core.errors import UserError
    from robustbench_cls.core.progress import notice
    from robustbench_cls.core.suite import Suite
    from robustbench_cls.evaluation.options import EvaluationOptions, torchrun_shard
    from robustbench_cls.models.options import ModelOptions, read_class_names, read_shades

    chosen = [find(text, "robustbench_cls.suites", Suite, "suite") for text in suites]
    if corruptions is not None or severities is not None:
        chosen = parts_of(chosen, listed(corruptions), listed(severities))
    rank = torchrun_shard()
    together, first = rank.count > 1, rank.index == 0
    if together and shard is not None:
        raise UserError("torchrun shares the work itself. Leave out --shard, or start single processes with it.")
    options = EvaluationOptions(
        data=data,
        limit=limit,
        seed=seed,
        batch_size=batch_size,
        workers=workers,
        shard=str(rank) if together else shard,
        crops=None if no_cache else crops,
        keep_logits=keep_logits,
        out=out,
        progress=first and not as_json,
    )
    names = read_class_names(class_names) if class_names else ()
    models = [
        ModelOptions(
            model=path,
            weights=weights,
            ordered_match=ordered_match,
            class_names=names,
            device=device,
            precision=precision,
            backend=backend,
            input_size=input_size,
            mean=read_shades(mean),
            std=read_shades(std),
            interpolation=interpolation,
            name=name,
        )
        for path in checkpoints or (str(model),)
    ]
    for named in models:
        named.check()
        options.check(chosen, named.home())
    if first:
        notice("Loading PyTorch ...")
    from robustbench_cls.cli.output import print_scores
    from robustbench_cls.evaluation.evaluate import evaluate
    from robustbench_cls.evaluation.shards import wait_for_all
    from robustbench_cls.models.load import load

    runs = []
    for named in models:
        classifier = load(named)
        own = replace(options, out=out / classifier.name) if out and len(models) > 1 else options
        runs += evaluate(classifier, chosen, own)
    if together:
        wait_for_all()
    if first:
        code = [text for text in suites if text.endswith(".py")]
        print_scores(runs, as_json=as_json, shard=options.shard, code=code)
