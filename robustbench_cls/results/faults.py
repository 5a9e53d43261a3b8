"""Faults of stored results: values that no evaluation writes, and an edited or damaged file may hold."""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from robustbench_cls.core.corruption import SEVERITIES
from robustbench_cls.core.discovery import is_file_name
from robustbench_cls.core.run import RunIdentity
from robustbench_cls.core.suite import Suite

ROUNDING = 1e-4
"""How far a stored number may pass its bounds."""


def contradictions(suite: Suite, identity: RunIdentity) -> Iterator[str]:
    """Statements in a run's manifest that no evaluation writes, in words, the first one first."""
    if suite.name != identity.suite:
        yield f"it is a run on {identity.suite[:100]!r}, with the conditions of suite {suite.name[:100]!r}"
    if not suite.conditions:
        yield "it has no conditions"
    for condition in suite.all_conditions:
        if not is_file_name(condition.name):
            yield f"it has a condition {condition.name[:100]!r}, which is no name"
        if condition.severity not in (0, *SEVERITIES):
            yield f"the condition {condition.name} has severity {condition.severity}, and they are 0 to 5"
    twice = [stem for stem, count in Counter(c.stem for c in suite.all_conditions).items() if count > 1]
    if twice:
        yield f"it has the condition {twice[0]} twice"


def faults(
    table: pa.Table, kinds: Mapping[str, str], classes: int | None, *, categories: bool = False
) -> Iterator[str]:
    """Faults that no evaluation stores, the first one first.

    Args:
        table: the results in one condition.
        kinds: its columns, with their types.
        classes: how many there are, where that is known.
        categories: labels are numbers of categories, and not of the head's classes.
    """
    for name, kind in kinds.items():
        if table[name].null_count or table[name].type != pa.type_for_alias(kind):
            yield f"no {kind} values, or not everywhere, in the column {name}"
    for name, most in (("confidence", 1.0), ("nll", np.inf), ("brier", 2.0)):
        if name not in kinds:
            continue
        values_N = table[name].to_numpy()
        if not np.isfinite(values_N).all():
            yield f"NaN or infinite values of {name}"
        if ((values_N < -ROUNDING) | (values_N > most + ROUNDING)).any():
            yield f"values of {name} outside 0 to {most}"
    if not table.num_rows:
        yield "no images"
    for name in ("label", "prediction"):
        if name not in kinds:
            continue
        indices_N = table[name].to_numpy()
        if indices_N.min() < 0:
            yield f"a {name} below 0, which is no class"
        if classes is not None and indices_N.max() >= classes:
            yield f"a {name} of {indices_N.max()}, and there are {classes} classes, from 0 on"
    if "label" not in kinds:
        return
    for right, answer in (("correct", "prediction"), *(() if categories else (("head_correct", "head_prediction"),))):
        if (table[right].to_numpy() != (table[answer].to_numpy() == table["label"].to_numpy())).any():
            yield f"answers in the column {right} that are not those of {answer} and label"
    if (table["correct"].to_numpy() & ~table["top5"].to_numpy()).any():
        yield "right answers that are not among the first five"
