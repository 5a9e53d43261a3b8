"""Two models on the same images: differences paired by image, from stored predictions alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.suite import Condition
from robustbench_cls.evaluation.store import StoredRun
from robustbench_cls.report.labels import comparable, short, word


@dataclass(frozen=True)
class Difference:
    """Top-1 errors of two runs on the same images, as fractions.

    Attributes:
        condition: a condition's name; `all` is the mean over all corrupted ones.
        severity: 0 is the mean over all severities, or a condition without any.
        n: images in each condition.
        worse: images that only the first answers rightly, summed over the conditions.
        better: images that only the second answers rightly.
        difference: second less first; under 0 the second is the better one.
    """

    suite: str
    condition: str
    severity: int
    n: int
    error_a: float
    error_b: float
    difference: float
    worse: int
    better: int


def compare_runs(runs_a: Sequence[StoredRun], runs_b: Sequence[StoredRun]) -> tuple[list[Difference], list[str]]:
    """The differences on every suite that both have measured, and in words what was left out.

    Raises:
        UserError: no common suite, or one that was measured in two ways; the message names the difference.
    """
    first, second = _by_suite(runs_a), _by_suite(runs_b)
    both = [(run, second[suite]) for suite, run in first.items() if suite in second]
    if not both:
        have = f"{', '.join(first)}; {', '.join(second)}"
        raise UserError(f"The runs have no suite in common: {have}. Measure both on the same suite.")
    differences: list[Difference] = []
    notes = [f"only one run has {suite}" for suite in sorted(first.keys() ^ second.keys())]
    for a, b in both:
        _require_comparable(a, b)
        notes += [f"{a.identity.suite}: {text}" for text in _unlike(a, b)]
        shown = [c for c in a.all_conditions if a.path(c).exists() and b.path(c).exists()]
        if len(shown) < len(a.all_conditions):
            notes.append(f"{a.identity.suite}: {len(shown)} of {len(a.all_conditions)} conditions are in both")
        differences += _of_suite(a, b, shown)
    return differences, notes


def _by_suite(runs: Sequence[StoredRun]) -> dict[str, StoredRun]:
    found: dict[str, StoredRun] = {}
    for run in runs:
        other = found.setdefault(run.identity.suite, run)
        if other is not run:
            raise UserError(f"{other.folder} and {run.folder} are both {run.identity.suite}. Name one model's folder.")
    return found


def _require_comparable(a: StoredRun, b: StoredRun) -> None:
    first, second = comparable(a), comparable(b)
    unlike = [
        f"{word(name)} {short(name, first[name])} and {short(name, second[name])}"
        for name in first
        if first[name] != second.get(name, first[name])
    ]
    if unlike:
        raise UserError(
            f"{a.folder} and {b.folder} were not measured alike ({'; '.join(unlike)}), so their numbers don't compare. "
            "Measure one of them again like the other."
        )


def _unlike(a: StoredRun, b: StoredRun) -> list[str]:
    """What the reader should know of two runs that compare."""
    if a.identity == b.identity:
        return ["both are the same run of the same model"]
    return [
        f"{name} {getattr(a.identity, name)} and {getattr(b.identity, name)}"
        for name in ("precision", "backend")
        if getattr(a.identity, name) != getattr(b.identity, name)
    ]


def _of_suite(a: StoredRun, b: StoredRun, conditions: Sequence[Condition]) -> Iterator[Difference]:
    right = {condition: _right(a, b, condition) for condition in conditions}
    suite = a.identity.suite
    corrupted = [condition for condition in conditions if condition.severity]
    for name in dict.fromkeys(condition.name for condition in conditions):
        own = [condition for condition in conditions if condition.name == name]
        if len(own) > 1:
            yield _difference(suite, name, 0, [right[condition] for condition in own])
        for condition in own:
            yield _difference(suite, name, condition.severity, [right[condition]])
    if len({condition.name for condition in corrupted}) > 1:
        yield _difference(suite, "all", 0, [right[condition] for condition in corrupted])


def _right(a: StoredRun, b: StoredRun, condition: Condition) -> npt.NDArray[np.bool_]:
    """Whether the first and the second run are right, 2N."""
    first, second = a.read(condition), b.read(condition)
    if list(first["image_id"]) != list(second["image_id"]) or list(first["label"]) != list(second["label"]):
        raise UserError(
            f"{a.path(condition)} and {b.path(condition)} are about other images, or classes stand in another order. "
            "Measure both models on the same data."
        )
    return np.array([first["correct"], second["correct"]], dtype=bool)


def _difference(suite: str, name: str, severity: int, right: Sequence[npt.NDArray[np.bool_]]) -> Difference:
    wrong_a, wrong_b = (float(np.mean([1 - pair[i].mean() for pair in right])) for i in (0, 1))
    worse, better = (int(sum((pair[i] & ~pair[1 - i]).sum() for pair in right)) for i in (0, 1))
    return Difference(suite, name, severity, right[0].shape[1], wrong_a, wrong_b, wrong_b - wrong_a, worse, better)
