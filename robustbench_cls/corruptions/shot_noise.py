"""Shot noise: the grain of few photons.

Each value becomes an independent Poisson count whose mean is proportional to it, scaled back, clipped and rounded
down. The code that made the published files does the same.

Randomness: stream 0, a uniform16 for each value in the order HW3. Its upper bits choose one of the 2^k columns of the
value's alias table, of which there are as many as levels that can come out, or more. Its lower bits are compared with
the column's threshold, so probabilities are exact to 65,536ths. Counts above that of white would be clipped anyway, so
all of them are drawn as one.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261; `shot_noise` of hendrycks/robustness. Alias tables: Walker
1977, doi:10.1145/355744.355749, filled as in Vose 1991, doi:10.1109/32.92917.
"""

from collections.abc import Sequence
from functools import cache, partial
from math import exp
from types import MappingProxyType

import numpy as np

from robustbench_cls.core.arrays import UInt8Image, UInt16Array, UInt32Array
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.keys import Key
from robustbench_cls.core.scratch import scratch
from robustbench_cls.corruptions.streams import uniform16
from robustbench_cls.corruptions.tables import look_up

PHOTONS = (60, 25, 12, 5, 3)
"""Mean count of a white value, by severity."""

CIFAR = (500, 250, 100, 75, 50)
"""The same of CIFAR-10-C, from `make_cifar_c.py` of hendrycks/robustness."""


def apply(image_HW3: UInt8Image, severity: int, key: Key, constants: Sequence[int] = PHOTONS) -> UInt8Image:
    """See `Corruption.apply`."""
    return render(image_HW3, severity, uniform16(key, image_HW3.shape, lasting=False), constants)


def render(
    image_HW3: UInt8Image, severity: int, uniform_HW3: UInt16Array, constants: Sequence[int] = PHOTONS
) -> UInt8Image:
    """The image with the noise of this field of integers 0..65535."""
    table = alias_table(constants[severity - 1])
    columns = table.shape[1]
    bits = np.uint16(16 - (columns.bit_length() - 1))
    uniform_N = uniform_HW3.reshape(-1)
    places_N = scratch("shot_places", (image_HW3.size,), np.uint16)
    _place(image_HW3.reshape(-1), uniform_N, np.uint16(columns), bits, places_N)
    entries_N = scratch("shot_entries", (image_HW3.size,), np.uint32)
    look_up(places_N, table.reshape(-1), entries_N)
    noisy = np.empty_like(image_HW3)
    _choose(entries_N, uniform_N, np.uint16((1 << bits) - 1), noisy.reshape(-1))
    return noisy


def level(count: int, photons: int) -> int:
    """The level, 0..255, of a count of photons where white has this mean."""
    return int(np.clip(count / float(photons), 0, 1) * 255)


@cache
def alias_table(photons: int) -> UInt32Array:
    """The columns of each value 0..255, one row each: threshold << 16 | level at or above it << 8 | level under it."""
    levels_C = np.array([level(count, photons) for count in range(photons + 1)])
    levels, firsts = np.unique(levels_C, return_index=True)  # counts of one level are one outcome
    columns = 1 << (len(levels) - 1).bit_length()
    table = np.zeros((256, columns), np.uint32)
    for value in range(256):
        probabilities = np.add.reduceat(_probabilities(value / 255 * photons, photons), firsts)
        for column, (under, other, share) in enumerate(_alias(probabilities.tolist(), columns)):
            threshold = round(share * (65536 // columns))
            table[value, column] = threshold << 16 | int(levels[other]) << 8 | int(levels[under])
    return table


def _probabilities(mean: float, most: int) -> list[float]:
    """Poisson probabilities of the counts 0 .. most - 1, and of `most` or more together."""
    found = [exp(-mean)]
    for count in range(1, most):
        found.append(found[-1] * mean / count)
    return [*found, max(0.0, 1 - sum(found))]


def _alias(probabilities: list[float], columns: int) -> list[tuple[int, int, float]]:
    """The two outcomes of each column, and the share of the first. All columns have the same probability."""
    mass = [p * columns for p in probabilities] + [0.0] * (columns - len(probabilities))
    found = [(min(i, len(probabilities) - 1), min(i, len(probabilities) - 1), 1.0) for i in range(columns)]
    small = [i for i in range(columns) if mass[i] < 1]
    large = [i for i in range(columns) if mass[i] >= 1]
    while small and large:
        i, j = small.pop(), large.pop()
        found[i] = (found[i][0], j, mass[i])
        mass[j] -= 1 - mass[i]
        (small if mass[j] < 1 else large).append(j)
    return found


# Three loops, because a loop with a table look-up in it is not turned into vector code: twice as fast as one.


@kernel
def _place(
    values_N: UInt8Image, uniform_N: UInt16Array, columns: np.uint16, bits: np.uint16, places_N: UInt16Array
) -> None:
    for i in range(values_N.size):
        places_N[i] = np.uint16(values_N[i]) * columns + (uniform_N[i] >> bits)


@kernel
def _choose(entries_N: UInt32Array, uniform_N: UInt16Array, below: np.uint16, noisy_N: UInt8Image) -> None:
    for i in range(entries_N.size):
        entry = entries_N[i]
        first = np.uint16(uniform_N[i] & below) < np.uint16(entry >> np.uint32(16))
        noisy_N[i] = np.uint8(entry) if first else np.uint8(entry >> np.uint32(8))


CORRUPTION = Corruption(
    name="shot_noise",
    group="noise",
    source="https://arxiv.org/abs/1903.12261",
    apply=apply,
    variants=MappingProxyType({"cifar": partial(apply, constants=CIFAR)}),
    digests=MappingProxyType({"published": "cd78429a6ce4e1a0", "cifar": "5607b458de6ff6b0"}),
)
