"""`evaluate`: one model, one or several suites, results on disk."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from torch import nn

from robustbench_cls.core.discovery import find
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.files import RUNS, locked, remove_leftovers
from robustbench_cls.core.progress import notice, progress_bar
from robustbench_cls.core.run import Circumstances
from robustbench_cls.core.shard import Shard, read_shard
from robustbench_cls.core.suite import Protocol, Suite
from robustbench_cls.core.versions import versions
from robustbench_cls.core.workers import loading_workers
from robustbench_cls.corruptions.compiling import compile_corruptions
from robustbench_cls.data.batches import Part, Rows
from robustbench_cls.data.crop_cache import Crops, open_crops
from robustbench_cls.data.label_spaces import in_words
from robustbench_cls.evaluation.checks import Witness, warnings_of
from robustbench_cls.evaluation.loop import measure
from robustbench_cls.evaluation.options import EvaluationOptions
from robustbench_cls.evaluation.plan import Corrupt, Plan, plan
from robustbench_cls.evaluation.shards import join, not_stored, share
from robustbench_cls.models.classifier import Classifier
from robustbench_cls.models.load import from_module, load_classifier
from robustbench_cls.results.manifest import open_run, require_same_pixels
from robustbench_cls.results.store import StoredRun


def evaluate(
    model: str | Path | Classifier | nn.Module,
    suites: str | Suite | Sequence[str | Suite],
    options: EvaluationOptions | None = None,
    *,
    transform: object = None,
    class_names: Sequence[str] = (),
    name: str = "",
) -> list[StoredRun]:
    """Measure a classifier on suites and store the per-image results.

    Started again with the same arguments, it measures only what is missing.

    Args:
        model: a checkpoint's path, a timm name, a classifier from `load_classifier`, or a module of your own.
        suites: names, `.py` files with a suite of the user's own, or Suite objects.
        options: where the data is, which subset, how fast; see `EvaluationOptions`.
        transform: of a module: its validation transform, a torchvision `Compose` of Resize, CenterCrop, ToTensor and
            Normalize.
        class_names: of a module's outputs, where they are not ImageNet's.
        name: of a module, in reports; its class where empty.

    Returns:
        One stored run a suite, in `options.out/<suite>`; by default in the folder of the training that made the model,
        or in `reports/runs/<model>`.

    Raises:
        UserError: a model, suite, data set or output folder that doesn't fit; the message says which and how
            to mend it.
    """
    options = options or EvaluationOptions()
    named = [suites] if isinstance(suites, (str, Suite)) else list(suites)
    chosen = [s if isinstance(s, Suite) else find(s, "robustbench_cls.suites", Suite, "suite") for s in named]
    options.check(chosen)
    if isinstance(model, nn.Module):
        classifier = from_module(model, transform, class_names, name=name)
    elif transform is not None or class_names or name:
        raise UserError(
            "transform, class_names and name go with a module; other models say themselves how they are used."
        )
    else:
        classifier = model if isinstance(model, Classifier) else load_classifier(model)
        classifier.require_unchanged()
    workers = loading_workers(options.workers)
    shard = read_shard(options.shard) if options.shard is not None else Shard()
    data = Path(options.data) if options.data is not None else None
    plans = [plan(suite, classifier, data, options.limit, options.seed) for suite in chosen]
    home = Path(classifier.folder) if classifier.folder else RUNS / classifier.name
    out = Path(options.out) if options.out is not None else home
    runs = [open_run(_stored(p, classifier, out)) for p in plans]
    first = next((p for p in plans if p.ordinary), None)  # the model is looked at once
    for suite_plan, run in zip(plans, runs, strict=True):
        with _claimed(run, shard):
            _measure_missing(
                replace(suite_plan, ordinary=suite_plan is first), classifier, run, options, workers, shard
            )
    return runs


@contextlib.contextmanager
def _claimed(run: StoredRun, shard: Shard) -> Iterator[None]:
    """Keep other processes from doing the same work while the block runs."""
    alone = shard.count == 1
    with (
        locked(run.folder / ".lock", shared=not alone) as free,
        locked(run.folder / f".lock-{shard.index}-of-{shard.count}") as mine,
    ):
        if not (free and mine):
            raise UserError(
                f"Another process is measuring into {run.folder}. Wait for it, choose another --out, or share the work "
                "between processes: --shard 1/2, 2/2, ..."
            )
        if alone:
            remove_leftovers(run.folder, ["*"])
        yield


def _stored(suite_plan: Plan, classifier: Classifier, out: Path) -> StoredRun:
    return StoredRun(
        folder=out / suite_plan.suite.name,
        identity=suite_plan.identity,
        suite=suite_plan.suite,
        imagenet=suite_plan.imagenet,
        origin=classifier.origin,
        circumstances=Circumstances(
            data=suite_plan.parts[-1].crops.source.path,
            dataset=suite_plan.dataset,
            device=classifier.device.type,
            notes=suite_plan.notes,
            versions=versions(),
            shown=classifier.shown,
        ),
        class_names=in_words(suite_plan.answers.numbered),
    )


def _measure_missing(
    suite_plan: Plan,
    classifier: Classifier,
    run: StoredRun,
    options: EvaluationOptions,
    workers: int,
    shard: Shard,
) -> None:
    for part in suite_plan.parts:  # a process that died may have stored the last piece of one
        join(run, part)
    if options.keep_logits:
        _tell_of_those_without_logits(run)
    mine = share(suite_plan.parts, shard, options.batch_size)
    left = [rows for stretch in mine for rows in not_stored(run, stretch)]
    total, missing = sum(map(len, mine)), sum(map(len, left))
    if left:
        changes = [rows.part.change for rows in left]
        generated = [(c.corruption, c.severity, c.variant) for c in changes if isinstance(c, Corrupt)]
        compile_corruptions(generated, show=options.progress)
        left = with_crops(left, options, workers)
        require_same_pixels(run, dict(checksum for rows in left if (checksum := rows.part.crops.checksum) is not None))
        at_the_start = left[0].part.condition == suite_plan.parts[0].condition and left[0].start == 0
        if options.checks and at_the_start:
            part, answers, ordinary = left[0].part, suite_plan.answers, suite_plan.ordinary
            for warning in warnings_of(classifier, part, answers, options.batch_size, ordinary=ordinary):
                notice(warning)
    label = f"{classifier.name} on {suite_plan.suite.name}" + (f", shard {shard}" if shard.count > 1 else "")
    witness = Witness(classifier, left[0].part, options.batch_size) if left and classifier.foreign else None
    with progress_bar(total, total - missing, label, show=options.progress) as bar:
        if left:
            measure(
                run,
                classifier,
                left,
                suite_plan.answers,
                batch_size=options.batch_size,
                workers=workers,
                keep_logits=options.keep_logits,
                advance=bar.update,
            )
    if witness is not None:
        try:
            witness.ask_again()
        except UserError:
            for condition in run.all_conditions:
                run.path(condition).unlink(missing_ok=True)
            raise


def _tell_of_those_without_logits(run: StoredRun) -> None:
    bare = [c.stem for c in run.all_conditions if run.path(c).exists() and not run.has_logits(c)]
    if bare:
        notice(
            f"{run.folder}: {bare[0]}{' and others' if bare[1:] else ''} were stored without logits and stay so. "
            "Choose another --out to have them."
        )


def with_crops(stretches: Sequence[Rows], options: EvaluationOptions, workers: int) -> list[Rows]:
    """The same, with crops from the cache."""
    folder = Path(options.crops) if options.crops is not None else None
    stored: dict[tuple[int, Protocol], Crops] = {}
    parts: dict[int, Part] = {}
    for part in {id(rows.part): rows.part for rows in stretches}.values():
        crops = part.crops
        key = id(crops.source), crops.protocol
        if key not in stored:
            stored[key] = open_crops(crops.source, crops.protocol, folder, workers, progress=options.progress)
        parts[id(part)] = replace(part, crops=stored[key])
    return [replace(rows, part=parts[id(rows.part)]) for rows in stretches]
