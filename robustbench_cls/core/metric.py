"""Metrics and scores: a number computed from predictions, where it has a value, and how it is read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.sample import Sample
from robustbench_cls.core.scopes import Scope

Unit: TypeAlias = Literal["fraction", "difference", "percent", "nats", "number"]


def shown_scale(unit: str) -> float:
    """The factor that readers see a value with: fractions and their differences are shown in percent."""
    return 100.0 if unit in ("fraction", "difference") else 1.0


@dataclass(frozen=True)
class Metric:
    """One number computed from predictions.

    Attributes:
        title: its name in tables.
        scope: where it has a value, one of `core.scopes`; `compute` gets just the conditions of one such place.
        unit: `fraction` (0..1, shown as percent), a `difference` of two fractions (-1..1), `percent` (of a baseline;
            may pass 100), `nats` (0 or more), or a plain `number` without bounds.
        compute: the number on each of a sample's R draws of images, R; raises NotApplicable where it has no meaning.
        phrase: its name in running text; the title where empty.
        needs_labels: it has no meaning where no answer is right or wrong.
        only_asked: it is computed only where a suite's measures name it.
        share_of: the column of `COLUMNS` whose share of true images it is, or one less that share, where it is one;
            McNemar's test is of such.
        by_corruption: the metric of one corruption that this is the mean of.
        beside: metrics without which this one misleads; it is shown only where they stand beside it.
        baseline: whose number is 100, of a ratio in percent.
        images: how many images of a sample it is computed from, where that is not all.
    """

    name: str
    title: str
    scope: Scope
    unit: Unit
    higher_is_better: bool
    source: str
    compute: Callable[[Sample], Float64Array]
    phrase: str = ""
    needs_labels: bool = True
    only_asked: bool = False
    share_of: str = ""
    by_corruption: str = ""
    beside: tuple[str, ...] = ()
    baseline: str = ""
    images: Callable[[Sample], int] | None = None

    def __post_init__(self) -> None:
        """Refuse a scope or a unit that there is not.

        Raises:
            UserError: it names the metric.
        """
        if not isinstance(self.scope, Scope):
            raise UserError(
                f"Metric '{self.name}': scope must be one of robustbench_cls.core.scopes, got {self.scope!r}."
            )
        if self.unit not in get_args(Unit):
            raise UserError(
                f"Metric '{self.name}': unit must be one of {', '.join(get_args(Unit))}, got {self.unit!r}."
            )

    @property
    def theme(self) -> str:
        """The name of the file that computes it: `calibration`."""
        return self.compute.__module__.rpartition(".")[2]

    @property
    def in_words(self) -> str:
        """Its name in running text."""
        plain = self.title[:2].istitle() and not self.title.split()[0].isupper()  # no abbreviation
        return self.phrase or (self.title[0].lower() + self.title[1:] if plain else self.title)


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
