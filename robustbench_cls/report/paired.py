"""Differences between models on the same images, and who is better beyond noise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric, shown_scale
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
    ends: Ends


@dataclass(frozen=True)
class Paired:
    """Numbers on all draws of images, by run, metric and place; draws are the same for the same images."""

    _found: dict[tuple[str, str], dict[tuple[str, str], _Drawn]] = field(default_factory=dict)

    def keep(self, entry: LabelledRun, found: Sequence[Measured]) -> None:
        """Keep the numbers of one run that tables and the page's sentence compare."""
        asked = {measure.metric for measure in entry.run.suite.measures}
        asked |= {all_metrics()[name].by_corruption for name in asked if name in all_metrics()}
        self._found[entry.key] = {
            (m.metric.name, m.condition): _Drawn(m.values_R, m.metric.unit, m.images, m.image_ids_sha256, m.ends())
            for m in found
            if m.metric.name in asked and not m.severity
        }

    def gap(self, entry: LabelledRun, other: LabelledRun, metric: str, where: str) -> Gap | None:
        """`entry`'s number less `other`'s; None where they were not measured on the same images."""
        one, two = (self._found.get(e.key, {}).get((metric, where)) for e in (entry, other))
        if one is None or two is None or one.ids != two.ids:
            return None
        differences_R = one.values_R - two.values_R
        low, high = of_difference(differences_R, one.images, lambda: one.ends)
        scale = shown_scale(one.unit)
        return Gap(float(differences_R[0]) * scale, low * scale, high * scale)

    def winner(self, metric: Metric, where: str, values: Mapping[str, float], entries: Sequence[LabelledRun]) -> str:
        """The model that is better than every other one beyond noise; empty where none is.

        Args:
            values: the numbers that compete, by model.
            entries: the runs of a suite, those of these models among them.
        """
        rivals = [entry for entry in entries if entry.model in values]
        if len(rivals) < 2:
            return ""
        pick = max if metric.higher_is_better else min
        best = pick(rivals, key=lambda entry: values[entry.model])
        gaps = [self.gap(best, other, metric.name, where) for other in rivals if other is not best]
        return best.model if all(gap is not None and gap.beyond_noise for gap in gaps) else ""
