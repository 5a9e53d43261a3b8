"""The few numbers of a run that are printed when it is done."""

from collections.abc import Collection

from robustbench_cls.core.metric import Score
from robustbench_cls.metrics.scoring import score
from robustbench_cls.results.store import StoredRun

WIDE = ("mce", "relative_mce", "mean_corruption_error_unnormalised")

PLAIN = ("shape_bias", "top1_accuracy", "top5_accuracy")
"""Of a suite without severities."""

HEADLINE = (*WIDE, *PLAIN, "head_top1_accuracy")
"""All that may be printed: computing every metric of 50,000 images takes longer."""


def run_scores(run: StoredRun, only: Collection[str] = ()) -> tuple[list[Score], list[str]]:
    """The scores of a stored run, those of the metrics in `only` or every one, and in words what is missing."""
    return score(run.identity.model, run.identity.suite, run.predictions(), only=only)


def headline(run: StoredRun, scores: list[Score]) -> list[Score]:
    """Suite-wide scores and the clean accuracy where there are any, else the accuracies of each condition."""
    wide = [s for s in scores if s.metric in WIDE]
    clean = [s for s in scores if s.condition == "clean" and s.metric == "top1_accuracy"]
    if wide:
        return clean + wide
    restricted = run.identity.label_space_sha256 != run.identity.classes_sha256
    categories = any(s.metric == "shape_bias" for s in scores)
    shown = (*PLAIN, "head_top1_accuracy") if restricted and not categories else PLAIN
    return [s for s in scores if s.metric in shown and not s.severity]
