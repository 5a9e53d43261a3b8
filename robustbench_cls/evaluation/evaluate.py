"""`evaluate`: one model, one or several suites, results on disk."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from robustbench_cls.core.discovery import find
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.files import RUNS
from robustbench_cls.core.progress import progress_bar
from robustbench_cls.core.suite import Suite
from robustbench_cls.core.versions import versions
from robustbench_cls.data.batches import loading_workers
from robustbench_cls.evaluation.loop import measure
from robustbench_cls.evaluation.plan import Plan, plan
from robustbench_cls.evaluation.store import StoredRun, open_run
from robustbench_cls.models.classifier import Classifier
from robustbench_cls.models.load import load_classifier


@dataclass(frozen=True)
class EvaluationOptions:
    """All that an evaluation can be told, each field on one side.

    `identity` fields decide the numbers and are part of `RunIdentity`; `runtime` fields only decide where
    and how fast.
    """

    data: str | Path | None = field(default=None, metadata={"side": "identity"})
    limit: int = field(default=0, metadata={"side": "identity"})
    seed: int = field(default=0, metadata={"side": "identity"})
    batch_size: int = field(default=64, metadata={"side": "runtime"})
    workers: int | None = field(default=None, metadata={"side": "runtime"})
    out: str | Path | None = field(default=None, metadata={"side": "runtime"})
    progress: bool = field(default=True, metadata={"side": "runtime"})


def evaluate(
    model: str | Path | Classifier,
    suites: str | Suite | Sequence[str | Suite],
    options: EvaluationOptions | None = None,
) -> list[StoredRun]:
    """Measure a classifier on suites and store the per-image results.

    Started again with the same arguments, it measures only what is missing.

    Args:
        model: a checkpoint's path, a timm name, or a classifier from `load_classifier`.
        suites: names, `.py` files with a suite of the user's own, or Suite objects.
        options: where the data is, which subset, how fast; see `EvaluationOptions`.

    Returns:
        One stored run a suite, in `options.out/<suite>` (default `reports/runs/<model>/<suite>`).

    Raises:
        UserError: a model, suite, data set or output folder that doesn't fit; the message says which and how
            to mend it.
    """
    options = options or EvaluationOptions()
    if options.limit < 0 or options.batch_size < 1:
        raise UserError(
            f"--limit must be 0 or more and --batch-size 1 or more, got {options.limit}, {options.batch_size}."
        )
    classifier = model if isinstance(model, Classifier) else load_classifier(model)
    named = [suites] if isinstance(suites, (str, Suite)) else list(suites)
    chosen = [s if isinstance(s, Suite) else find(s, "robustbench_cls.suites", Suite, "suite") for s in named]
    workers = loading_workers(options.workers)
    data = Path(options.data) if options.data is not None else None
    plans = [plan(suite, classifier, data, options.limit, options.seed, "float32") for suite in chosen]
    out = Path(options.out) if options.out is not None else RUNS / classifier.name
    runs = [open_run(_stored(p, classifier, out)) for p in plans]
    for suite_plan, run in zip(plans, runs, strict=True):
        _measure_missing(suite_plan, run, classifier, options, workers)
    return runs


def _stored(suite_plan: Plan, classifier: Classifier, out: Path) -> StoredRun:
    provenance = {
        **classifier.provenance,
        "data": suite_plan.parts[-1].source.path,
        "suite_title": suite_plan.suite.title,
        "suite_source": suite_plan.suite.source,
        "notes": list(suite_plan.notes),
        "device": classifier.device.type,
        "versions": versions(),
    }
    return StoredRun(
        folder=out / suite_plan.suite.name,
        identity=suite_plan.identity,
        conditions=suite_plan.suite.conditions,
        reference=suite_plan.reference,
        imagenet=suite_plan.imagenet,
        provenance=provenance,
    )


def _measure_missing(
    suite_plan: Plan, run: StoredRun, classifier: Classifier, options: EvaluationOptions, workers: int
) -> None:
    missing = set(run.missing())
    parts = [part for part in suite_plan.parts if part.condition in missing]
    total = sum(len(part.source) for part in suite_plan.parts)
    left = sum(len(part.source) for part in parts)
    label = f"{classifier.name} on {suite_plan.suite.name}"
    with progress_bar(total, total - left, label, show=options.progress) as bar:
        if parts:
            measure(
                run,
                classifier,
                parts,
                suite_plan.competing_K,
                batch_size=options.batch_size,
                workers=workers,
                advance=bar.update,
            )
