"""Scopes: the places where a metric has a value. A scope cuts a model's results into such places.

A place goes under a condition's, a corruption's or a group's name, or under `all`. Means over a suite are of its
counted conditions, and exist only where all of them are measured.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from robustbench_cls.core.errors import NotApplicable
from robustbench_cls.core.sample import Sample
from robustbench_cls.core.suite import WHOLE, Condition, Suite


class Place(NamedTuple):
    """The results that one number is computed from, and the name and severity it goes under."""

    where: str
    severity: int
    sample: Sample


@dataclass(frozen=True)
class Scope:
    """A kind of place.

    Attributes:
        places: those of a sample; raises NotApplicable where there ought to be one and is none.
        names: the places of a suite at which a measure can stand.
        mean_of: names such a place where it is a mean over several corruptions: `Mean of {n}`.
    """

    name: str
    places: Callable[[Sample], Iterator[Place]]
    names: Callable[[Suite], Iterable[str]]
    mean_of: str = ""


def _condition(sample: Sample) -> Iterator[Place]:
    if sample.predictions.reference:
        yield from _shown(sample.clean)
    yield from _shown(sample)


def _shift(sample: Sample) -> Iterator[Place]:
    if sample.predictions.reference:
        yield from _shown(sample)


def _shown(sample: Sample) -> Iterator[Place]:
    for condition in sample.conditions:
        yield Place(condition.name, condition.severity, sample.only([condition]))


def _corruption(sample: Sample) -> Iterator[Place]:
    unfinished = {condition.name for condition in sample.predictions.missing}
    graded = [condition for condition in sample.conditions if condition.graded]
    for name in dict.fromkeys(condition.name for condition in graded):
        if name not in unfinished:
            yield Place(name, 0, sample.only([c for c in graded if c.name == name]))


def _severity(sample: Sample) -> Iterator[Place]:
    counted = _counted(sample)
    for severity in sorted({condition.severity for condition in counted}):
        yield Place(WHOLE, severity, sample.only([c for c in counted if c.severity == severity]))


def _group(sample: Sample) -> Iterator[Place]:
    graded = [c for c in sample.conditions if c.graded] if not _unfinished(sample) else []
    for group in dict.fromkeys(condition.group for condition in graded if condition.group):
        yield Place(group, 0, sample.only([c for c in graded if c.group == group]))


def _suite(sample: Sample) -> Iterator[Place]:
    if counted := _counted(sample):
        yield Place(WHOLE, 0, sample.only(counted))


def _held_out(sample: Sample) -> Iterator[Place]:
    counted = _counted(sample)
    if not sample.overlaps & {condition.name for condition in counted}:
        return
    kept = [condition for condition in counted if condition.name not in sample.overlaps]
    if not kept:
        raise NotApplicable("Every corruption is in one of the recipes, so there is no mean over those held out.")
    yield Place(WHOLE, 0, sample.only(kept))


def _counted(sample: Sample) -> list[Condition]:
    """The corruptions that enter means; none while one is missing."""
    return [c for c in sample.conditions if c.graded and c.counted] if not _unfinished(sample) else []


def _unfinished(sample: Sample) -> bool:
    """A corruption is missing. Clean images may be: no mean is over them."""
    return any(condition.graded for condition in sample.predictions.missing)


def _plain(suite: Suite) -> list[str]:
    return [condition.name for condition in suite.all_conditions if not condition.graded]


def _shifted(suite: Suite) -> list[str]:
    return [c.name for c in suite.conditions if not c.graded and suite.reference is not None]


def _corruptions(suite: Suite) -> list[str]:
    return list(dict.fromkeys(condition.name for condition in suite.conditions if condition.graded))


def _groups(suite: Suite) -> list[str]:
    return list(dict.fromkeys(c.group for c in suite.conditions if c.graded and c.group))


def _whole(suite: Suite) -> list[str]:
    return [WHOLE] if any(condition.graded and condition.counted for condition in suite.conditions) else []


CONDITION = Scope("condition", _condition, _plain)
"""Each condition, the clean images among them."""

SHIFT = Scope("shift", _shift, _shifted)
"""Each condition that has clean images of the same classes beside it."""

CORRUPTION = Scope("corruption", _corruption, _corruptions)
"""Each corruption over its severities."""

SEVERITY = Scope("severity", _severity, lambda suite: ())
"""Each severity over the counted corruptions; no measure can name one."""

GROUP = Scope("group", _group, _groups)
"""Each group of corruptions over its corruptions and severities."""

SUITE = Scope("suite", _suite, _whole, "Mean of {n}")
"""All counted corruptions."""

HELD_OUT = Scope("held_out", _held_out, _whole, "Mean of {n} held out")
"""The counted corruptions that none of the compared models' recipes contains, where one contains any."""
