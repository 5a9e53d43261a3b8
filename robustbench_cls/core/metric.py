"""What a metric is, and what comes out of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.sample import Sample

Scope: TypeAlias = Literal["condition", "shift", "corruption", "severity", "group", "suite"]
Unit: TypeAlias = Literal["fraction", "difference", "percent", "nats", "number"]


def shown_scale(unit: str) -> float:
    """What turns a value into what a reader sees: fractions and their differences are shown in percent."""
    return 100.0 if unit in ("fraction", "difference") else 1.0


@dataclass(frozen=True)
class Metric:
    """One number computed from predictions.

    Attributes:
        scope: what one number speaks of: a condition; a shift, which is a condition other than the clean one; a
            corruption over its severities; a severity or a group (noise, blur, weather, digital) over its corruptions
            of ImageNet-C; or a suite over all that corrupts. `compute` gets just those conditions.
        unit: `fraction` (0..1, shown as percent), a `difference` of two fractions, `percent` (of a baseline; may pass
            100), `nats`, or a plain `number`.
        compute: the number on each of a sample's R draws of images, R; raises NotApplicable where it has no meaning.
    """

    name: str
    title: str
    scope: Scope
    unit: Unit
    higher_is_better: bool
    source: str
    compute: Callable[[Sample], Float64Array]


@dataclass(frozen=True)
class Score:
    """A number, its 95 % interval, and what it is about: n images in each condition it is computed from."""

    model: str
    suite: str
    condition: str
    severity: int
    metric: str
    value: float
    low: float
    high: float
    unit: str
    n: int
