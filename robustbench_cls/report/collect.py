"""From folders of stored runs to what a page is made of: runs, scores and notes."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.errors import NotApplicable, UserError
from robustbench_cls.core.metric import Score
from robustbench_cls.core.sample import Sample
from robustbench_cls.metrics.effective_robustness import NAME, effective_robustness
from robustbench_cls.metrics.interval import interval
from robustbench_cls.metrics.scoring import WHOLE, as_scores, measure
from robustbench_cls.report import values
from robustbench_cls.report.labels import LabelledRun, comparable, label_runs
from robustbench_cls.report.section import ReportData
from robustbench_cls.results.store import StoredRun, find_runs


def collect(paths: Sequence[Path], baseline: Path | None = None) -> ReportData:
    """The runs below these folders with their scores, read one run at a time.

    Raises:
        UserError: there are none, one can't be read, or the baseline shares no suite with them.
    """
    if not paths:
        raise UserError("No results named: give the folders that `robust eval --out` wrote.")
    runs = _in_order(_unique(run.as_it_is() for path in paths for run in find_runs(path)))
    scores: list[Score] = []
    notes: list[str] = []
    shifts: dict[str, dict[str, tuple[Float64Array, Float64Array]]] = {}
    entries = label_runs(runs)
    against = _baselines(runs, baseline) if baseline is not None else {}
    for entry in entries:
        rivals = [values.overlaps(other) for other in entries if other.suite == entry.suite]
        of_baseline = against.get(entry.run.identity.digest())
        sample = Sample.of(
            entry.run.predictions(),
            baseline=of_baseline.predictions() if of_baseline else None,
            overlaps=frozenset().union(*rivals),
        )
        found, reasons = measure(sample)
        scores += as_scores(entry.model, entry.suite, sample, found)
        notes += [f"{entry.suite}, {entry.model}: {reason}" for reason in reasons]
        if sample.predictions.reference and not sample.predictions.missing:
            accuracies = 1 - sample.clean.mean_error(), 1 - sample.mean_error()
            shifts.setdefault(entry.suite, {})[entry.model] = accuracies
    for suite, by_model in shifts.items():
        scores += _effective(suite, by_model, scores)
    named = {f"{run.identity.model}, {run.folder}" for run in against.values()}
    notes = [f"CE and mCE against a baseline are by the errors of {name}." for name in sorted(named)] + notes
    columns = [field.name for field in fields(Score)]
    return ReportData(runs, pd.DataFrame(scores, columns=columns), (*_unlike(entries), *notes))


def _effective(
    suite: str, by_model: dict[str, tuple[Float64Array, Float64Array]], scores: Sequence[Score]
) -> list[Score]:
    """Effective robustness of each model, where there are enough of them to fit a line to."""
    clean_MR, shifted_MR = (np.stack([pair[i] for pair in by_model.values()]) for i in (0, 1))
    n = min(score.n for score in scores if score.suite == suite)
    try:
        beyond_MR = effective_robustness(clean_MR, shifted_MR, n)
    except NotApplicable:
        return []
    found = []
    for model, beyond_R in zip(by_model, beyond_MR, strict=True):
        low, high = interval(beyond_R, "difference", n)
        found.append(Score(model, suite, WHOLE, 0, NAME, float(beyond_R[0]), low, high, "difference", n))
    return found


def _unique(runs: Iterable[StoredRun]) -> list[StoredRun]:
    """Each identity once: of several copies the most complete, in the place of the first."""
    kept: dict[str, StoredRun] = {}
    for run in runs:
        digest = run.identity.digest()
        if digest not in kept or len(run.missing()) < len(kept[digest].missing()):
            kept[digest] = run
    return list(kept.values())


def _baselines(runs: Sequence[StoredRun], path: Path) -> dict[str, StoredRun]:
    """By the digest of a run, the baseline's that was measured alike."""
    known = find_runs(path)
    found = {run.identity.digest(): other for run in runs for other in known if comparable(run) == comparable(other)}
    if not found:
        raise UserError(f"The baseline {path} was measured on no suite in the same way as these runs.")
    return found


def _in_order(runs: Sequence[StoredRun]) -> tuple[StoredRun, ...]:
    """Those of one model side by side, its suites in the order first seen."""
    models = list(dict.fromkeys(run.identity.model for run in runs))
    suites = list(dict.fromkeys(run.identity.suite for run in runs))
    return tuple(sorted(runs, key=lambda run: (models.index(run.identity.model), suites.index(run.identity.suite))))


def _unlike(entries: Sequence[LabelledRun]) -> list[str]:
    """What sets runs apart that carry the same model and suite name."""
    first: dict[tuple[str, str], LabelledRun] = {}
    notes = []
    for entry in entries:
        identity = entry.run.identity
        other = first.setdefault((identity.model, identity.suite), entry)
        if other is not entry:
            differences = "; ".join(other.run.identity.differences(identity))
            notes.append(
                f"{other.model} on {other.suite} and {entry.model} on {entry.suite} do not compare: {differences}."
            )
    return notes
