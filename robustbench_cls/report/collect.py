"""From folders of stored runs to the content of a page: runs, scores and notes. Each stored file is read once."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.discovery import discover
from robustbench_cls.core.errors import NotApplicable, UserError
from robustbench_cls.core.metric import Score
from robustbench_cls.core.predictions import Predictions
from robustbench_cls.core.sample import Sample
from robustbench_cls.core.suite import WHOLE, Measure
from robustbench_cls.metrics.effective_robustness import NAME, effective_robustness
from robustbench_cls.metrics.interval import interval
from robustbench_cls.metrics.scoring import as_scores, measure
from robustbench_cls.report.caveats import (
    COPIES,
    chosen_on_these_images,
    small_images,
    unlike_clean_images,
    unlike_trainings,
)
from robustbench_cls.report.labels import LabelledRun, columns, comparable, label_runs
from robustbench_cls.report.paired import Paired
from robustbench_cls.report.section import ReportData, Section
from robustbench_cls.report.values import score_table
from robustbench_cls.results.manifest import find_runs
from robustbench_cls.results.store import StoredRun


def all_sections() -> list[Section]:
    """The sections of the page in their order."""
    found = discover("robustbench_cls.report.sections", Section).values()
    return sorted(found, key=lambda section: (section.order, section.name))


def collect(paths: Sequence[Path], baseline: Path | None = None) -> ReportData:
    """The runs below these folders with their scores, read one run at a time.

    Raises:
        UserError: there are none, one can't be read, or the baseline shares no suite with them.
    """
    if not paths:
        raise UserError("No results named: give the folders that `robust eval --out` wrote.")
    every = [run.as_it_is() for path in paths for run in find_runs(path)]
    runs = _in_order(_unique(every))
    against = _baselines(runs, baseline) if baseline is not None else {}
    read = _reader(against.values())
    entries = label_runs(runs)
    looking = {section.name: section.look for section in all_sections() if section.look}
    looks: dict[str, dict[tuple[str, str], Any]] = {name: {} for name in looking}
    scores: list[Score] = []
    notes: list[str] = [
        f"{run.folder} and {other.folder}: {COPIES}. The first is shown."
        for run in runs
        for other in every
        if other.folder.resolve() != run.folder.resolve()
        and other.identity == run.identity
        and run.differs_from_copy(other)
    ]
    missing: dict[tuple[str, str], list[str]] = {}
    asked: dict[str, dict[Measure, None]] = {}
    for entry in entries:
        asked.setdefault(entry.suite, {}).update(dict.fromkeys(entry.run.suite.measures))
    paired = Paired(asked)
    shifts: dict[str, dict[str, tuple[Float64Array, Float64Array]]] = {}
    for entry in entries:
        other = against.get(entry.run.identity.digest())
        if other is not None and other.identity == entry.run.identity:  # by its own errors it would always have 100
            other = None
        beside = (rival.overlaps for rival in entries if rival.suite == entry.suite)
        sample = Sample.of(
            read(entry.run), baseline=read(other) if other else None, overlaps=frozenset().union(*beside)
        )
        found, reasons = measure(sample, tuple(asked[entry.suite]))
        scores += as_scores(entry.model, entry.suite, found)
        paired.keep(entry, found)
        for reason in reasons:
            missing.setdefault((entry.suite, reason), []).append(entry.model)
        for name, look in looking.items():
            looks[name][entry.key] = look(entry, sample)
        if accuracies := _shift(sample):
            shifts.setdefault(entry.suite, {})[entry.model] = accuracies
    notes += [_missing_note(entries, suite, models, reason) for (suite, reason), models in missing.items()]
    for suite, by_model in shifts.items():
        scores += _effective(suite, by_model, scores)
    named = {f"{run.identity.model}, {run.folder}" for run in against.values()}
    notes = [f"CE and mCE against a baseline are by the errors of {name}." for name in sorted(named)] + notes
    return ReportData(
        entries=entries,
        columns=columns(entries),
        models=tuple(dict.fromkeys(entry.model for entry in entries)),
        scores=tuple(scores),
        table=score_table(scores),
        paired=paired,
        notes=(*_unlike(entries), *_of_trainings(entries), *_of_protocols(entries), *notes),
        looks=looks,
    )


def _reader(lasting: Iterable[StoredRun]) -> Callable[[StoredRun], Predictions]:
    """Reads the results of runs, and keeps those of the lasting ones, which are asked for again."""
    asked_again = {run.identity.digest() for run in lasting}
    kept: dict[str, Predictions] = {}

    def read(run: StoredRun) -> Predictions:
        digest = run.identity.digest()
        if digest not in asked_again:
            return run.predictions()
        if digest not in kept:
            kept[digest] = run.predictions()
        return kept[digest]

    return read


def _shift(sample: Sample) -> tuple[Float64Array, Float64Array] | None:
    """Accuracy on the clean images and on those of the suite that count, R each; None where one is missing."""
    if not sample.predictions.reference or sample.predictions.missing or not sample.predictions.labelled:
        return None
    counted = sample.only([condition for condition in sample.conditions if condition.counted])
    return 1 - sample.clean.mean_error(), 1 - counted.mean_error()


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
        low, high = interval(beyond_R, "difference", n, lambda: (-1.0, 1.0))
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
    """By the digest of a run, the baseline's that was measured alike; a run of the report stands for its copies."""
    own = {run.identity.digest(): run for run in runs}
    known = [own.get(run.identity.digest(), run) for run in find_runs(path)]
    if len({run.identity.model for run in known}) > 1:
        names = ", ".join(sorted({run.identity.model for run in known})[:4])
        raise UserError(f"The baseline {path} holds runs of several models ({names}). Name the folder of one.")
    found = {digest: other for digest, run in own.items() for other in known if comparable(run) == comparable(other)}
    if not found:
        raise UserError(f"The baseline {path} was measured on no suite in the same way as these runs.")
    return found


def _in_order(runs: Sequence[StoredRun]) -> tuple[StoredRun, ...]:
    """Those of one model side by side, its suites in the order first seen."""
    models = list(dict.fromkeys(run.identity.model for run in runs))
    suites = list(dict.fromkeys(run.identity.suite for run in runs))
    return tuple(sorted(runs, key=lambda run: (models.index(run.identity.model), suites.index(run.identity.suite))))


def _missing_note(entries: Sequence[LabelledRun], suite: str, models: Sequence[str], reason: str) -> str:
    """Why a suite's number does not exist; the models are named where it is not all of them."""
    every = {entry.model for entry in entries if entry.suite == suite}
    whose = suite if every == set(models) and len(every) > 1 else f"{suite}, {', '.join(models)}"
    return f"{whose}: {reason}"


def _of_protocols(entries: Sequence[LabelledRun]) -> list[str]:
    """In words, what numbers of these suites must be read with; each once."""
    notes = [f"{entry.suite}: {text}." for entry in entries for text in small_images(entry.run)]
    for model in dict.fromkeys(entry.model for entry in entries):
        own = [entry.run for entry in entries if entry.model == model]
        notes += [f"{text[0].upper()}{text[1:]}." for text in unlike_clean_images(own)]
    return list(dict.fromkeys(notes))


def _of_trainings(entries: Sequence[LabelledRun]) -> list[str]:
    """In words, why models of `robust train` may look better than they are, or than each other."""
    by_model = {entry.model: entry.run for entry in entries}
    notes = [f"{text[0].upper()}{text[1:]}." for text in unlike_trainings(list(by_model.items()))]
    chosen = [entry for entry in entries if chosen_on_these_images(entry.run)]
    for model in dict.fromkeys(entry.model for entry in chosen):
        suites = ", ".join(entry.suite for entry in chosen if entry.model == model)
        notes.append(
            f"{model} on {suites}: the epoch of these weights was chosen by the accuracy on these images, so its "
            "numbers are a little too good."
        )
    return notes


def _unlike(entries: Sequence[LabelledRun]) -> list[str]:
    """In words, the differences between runs that carry the same model and suite name."""
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
