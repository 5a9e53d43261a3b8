"""Differences between models on the same images, and who is better beyond noise."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import shown_scale
from robustbench_cls.core.suite import Condition, Measure
from robustbench_cls.metrics.interval import Ends, of_difference
from robustbench_cls.metrics.scoring import Measured, all_metrics
from robustbench_cls.report.labels import LabelledRun


@dataclass(frozen=True)
class Gap:
    """One model's number less another's, with its 95 % interval, as readers see them."""

    value: float
    low: float
    high: float

    @property
    def beyond_noise(self) -> bool:
        """The interval does not contain 0."""
        return not self.low <= 0 <= self.high


class _Drawn(NamedTuple):
    """A number on all draws of images; `ids` is a digest of these."""

    values_R: Float64Array
    unit: str
    images: int
    ids: str
    conditions: tuple[Condition, ...]
    ends: Ends


@dataclass(frozen=True)
class Paired:
    """Numbers on all draws of images, by run, metric and place; draws are the same for the same images.

    Attributes:
        asked: by column, the measures that tables and the page's sentence compare.
    """

    asked: Mapping[str, Collection[Measure]]
    _found: dict[tuple[str, str], dict[tuple[str, str], _Drawn]] = field(default_factory=dict)

    def keep(self, entry: LabelledRun, found: Sequence[Measured]) -> None:
        """Keep the numbers of one run that are asked for."""
        asked = {measure.metric for measure in self.asked[entry.suite]}
        asked |= {metric.by_corruption for name, metric in all_metrics().items() if name in asked}
        self._found[entry.key] = {
            (m.metric.name, m.condition): _Drawn(
                m.values_R, m.metric.unit, m.images, m.image_ids_sha256, m.conditions, m.ends()
            )
            for m in found
            if m.metric.name in asked and not m.severity
        }

    def gap(self, measure: Measure, entry: LabelledRun, other: LabelledRun) -> Gap | None:
        """`entry`'s number less `other`'s; None where they were not measured on the same images and conditions."""
        place = measure.metric, measure.where
        one, two = (self._found.get(run.key, {}).get(place) for run in (entry, other))
        if one is None or two is None or one.ids != two.ids or one.conditions != two.conditions:
            return None
        differences_R = one.values_R - two.values_R
        low, high = of_difference(differences_R, one.images, lambda: one.ends)
        scale = shown_scale(one.unit)
        return Gap(float(differences_R[0]) * scale, low * scale, high * scale)

    def level(self, measure: Measure, ranked: Sequence[LabelledRun]) -> list[LabelledRun]:
        """Of the runs after the first, those that it is not better than beyond noise; the best one comes first."""
        gaps = [(other, self.gap(measure, ranked[0], other)) for other in ranked[1:]]
        return [other for other, gap in gaps if gap is None or not gap.beyond_noise]
