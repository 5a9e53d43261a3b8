"""A comparison of two models in sentences that a reader can quote."""

from robustbench_cls.core.suite import WHOLE
from robustbench_cls.metrics.scoring import all_metrics
from robustbench_cls.report import values
from robustbench_cls.report.comparison import Comparison, Difference


def _judged(lead: Difference) -> str:
    if lead.undecided:
        return "The interval contains 0, so this is within noise."
    if lead.verdict == "within noise":
        return f"The interval does not contain 0, but p is {lead.p_holm:.3f}, so this is within noise."
    return "The interval does not contain 0: this is beyond noise."


NAMED = 5
"""Corruptions that the sentence names before it only counts them."""


def in_words(comparison: Comparison) -> str:
    """The comparison on a suite in sentences that a reader can quote; A is the first model, B the second."""
    if not comparison.shown:
        return f"On {comparison.suite}, too few conditions are in both runs to say anything of the whole."
    lead = comparison.shown[0]
    places = {"nats": 3, "number": 3}.get(lead.unit, 2)
    low, high = lead.low * lead.scale, lead.high * lead.scale
    side = "higher than" if lead.difference > 0 else "lower than" if lead.difference < 0 else "away from"
    only = {d.condition for d in comparison.differences if not d.severity}
    alone = lead.condition == WHOLE or only <= {lead.condition}
    where = comparison.suite if alone else f"{comparison.suite} ({lead.condition.replace('_', ' ')} images)"
    size = f"{abs(lead.difference) * lead.scale:.{places}f}{values.unit_of_difference(lead.unit)}"
    name = all_metrics()[lead.metric].in_words
    text = (
        f"On {where}, B's {name} is {size} {side} A's (95 % interval of the difference {low:+.{places}f} to "
        f"{high:+.{places}f}, n = {lead.n:,} images in each condition). {_judged(lead)}"
    )
    rows = comparison.by_corruption
    if len(rows) < 2:
        return text
    parts = []
    for verdict in ("B better", "A better", "within noise"):
        names = [d.condition for d in rows if d.verdict == verdict]
        listed = f" ({', '.join(names)})" if 0 < len(names) <= NAMED else ""
        parts.append(f"{verdict} on {len(names)}{listed}")
    return f"{text} By corruption, after Holm's correction for {len(rows)} comparisons: {', '.join(parts)}."
