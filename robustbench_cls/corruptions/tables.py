"""Look values up in a table, in a loop of its own: a look-up keeps arithmetic in the same loop from vector code."""

from typing import Any

import numpy.typing as npt

from robustbench_cls.core.kernel import kernel


@kernel
def look_up(places_N: npt.NDArray[Any], table: npt.NDArray[Any], values_N: npt.NDArray[Any]) -> None:
    """Write `table[place]` for each place; the values have the table's number type."""
    for i in range(places_N.size):
        values_N[i] = table[places_N[i]]
