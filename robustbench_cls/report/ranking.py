"""Several models in order, each set beside the best one on the same images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from robustbench_cls.core.metric import Score, shown_scale
from robustbench_cls.core.suite import Measure
from robustbench_cls.metrics.scoring import all_metrics
from robustbench_cls.report import values
from robustbench_cls.report.collect import collect
from robustbench_cls.report.labels import Column
from robustbench_cls.report.paired import Gap
from robustbench_cls.report.section import ReportData
from robustbench_cls.report.sections import seeds


@dataclass(frozen=True)
class Ranked:
    """One model of a ranking.

    Attributes:
        gap: its number less the best one's, paired by image; None for the best, and where the two don't compare.
    """

    model: str
    score: Score
    gap: Gap | None


@dataclass(frozen=True)
class Ranking:
    """Models on one suite by the suite's headline, the best first.

    Attributes:
        title: the headline's name.
        seeds: of recipes that were trained with several seeds: mean, spread and number of seeds.
        incomplete: models that lack conditions, and so have no place.
    """

    suite: str
    measure: Measure
    title: str
    models: tuple[Ranked, ...]
    seeds: tuple[seeds.Row, ...]
    incomplete: tuple[str, ...]

    def rows(self) -> list[dict[str, object]]:
        """A row a model, for files: values as stored, differences as readers see them."""
        metric = all_metrics()[self.measure.metric]
        return [
            {
                "suite": self.suite,
                "metric": metric.name,
                "condition": self.measure.where,
                "unit": metric.unit,
                "higher_is_better": metric.higher_is_better,
                "rank": number,
                "model": one.model,
                "n": one.score.n,
                "value": one.score.value,
                "low": one.score.low,
                "high": one.score.high,
                "difference_from_first": one.gap.value / shown_scale(metric.unit) if one.gap else None,
                "difference_low": one.gap.low / shown_scale(metric.unit) if one.gap else None,
                "difference_high": one.gap.high / shown_scale(metric.unit) if one.gap else None,
                "level_with_first": not one.gap.beyond_noise if one.gap else number == 1,
            }
            for number, one in enumerate(self.models, 1)
        ]


def rank(paths: Sequence[Path]) -> tuple[list[Ranking], tuple[str, ...]]:
    """A ranking on each suite that at least two of these runs have measured completely, and what the reader must know.

    Raises:
        UserError: there are no runs, or one can't be read.
    """
    data = collect(paths)
    found = [_ranking(column, data) for column in data.columns]
    return [ranking for ranking in found if ranking and len(ranking.models) > 1], data.notes


def _ranking(column: Column, data: ReportData) -> Ranking | None:
    complete = [entry for entry in column.runs if not entry.run.missing()]
    for measure in column.measures:
        ranked = values.ranked(data.table, complete, measure)
        if not ranked:
            continue
        best = ranked[0][0]
        models = [
            Ranked(entry.model, score, data.paired.gap(measure, entry, best) if entry is not best else None)
            for entry, score in ranked
        ]
        return Ranking(
            column.label,
            measure,
            column.title(measure),
            tuple(models),
            tuple(row for row in seeds.rows(column, data.table) if row.metric == column.title(measure)),
            tuple(entry.model for entry in column.runs if entry.run.missing()),
        )
    return None
