"""Faults of stored results: values that no evaluation writes, and an edited or damaged file may hold."""

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

ROUNDING = 1e-4
"""How far a stored number may pass its bounds."""


def faults(table: pa.Table, kinds: Mapping[str, str], classes: int | None) -> Iterator[str]:
    """Faults that no evaluation stores, the first one first; `classes` is how many there are, where that is known."""
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
