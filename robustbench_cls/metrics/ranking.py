"""Images by confidence, on many draws: what calibration errors and response rate curves are computed from.

Images are ranked, and bins of them are cut, once, on the images as they are; a draw changes how often each counts.
All that is needed is summed up in one walk over the images, most confident first, for all draws at once. Rows of the
table of counts are read whole: half as many draws on each of two threads took longer, as rows come from memory in no
order.
"""

from typing import NamedTuple

import numpy as np

from robustbench_cls.core.arrays import Float32Array, Float64Array, Int64Array, UInt8Array
from robustbench_cls.core.kernel import kernel
from robustbench_cls.core.sample import Sample

BINS = 15
"""Of expected calibration error."""

BIN = 100
"""Images in a bin of RMS calibration error."""

WALK = 100
"""Most images that are summed up in single precision."""


class Ranked(NamedTuple):
    """Sums over one condition's N images, ranked by confidence, on R draws.

    Attributes:
        equal_width_R: confidence less accuracy, absolute, in 15 bins of equal width; mean over images.
        equal_mass_R: the same in 15 bins of equally many images.
        squared_R: confidence less accuracy, squared, in bins of 100 images, the most confident of which also holds
            what is left over; mean over images.
        squared_first_R: what that most confident bin adds to it.
        area_R: the mean over k of the accuracy of the k most confident answers.
    """

    equal_width_R: Float64Array
    equal_mass_R: Float64Array
    squared_R: Float64Array
    squared_first_R: Float64Array
    area_R: Float64Array


def ranked(sample: Sample) -> Ranked:
    """The images of the sample's only condition; those of equal confidence count as their mean in each draw."""
    return Ranked(*sample.once("ranked", lambda: _ranked(sample)))


def _ranked(sample: Sample) -> Float64Array:
    confidence_N, correct_N = sample.column("confidence")[0], sample.column("correct")[0]
    order_N = np.argsort(-confidence_N, kind="stable")
    confidence_N = confidence_N[order_N]
    firsts = np.flatnonzero(np.append(True, confidence_N[1:] != confidence_N[:-1]))
    sizes = np.diff(np.append(firsts, len(order_N)))
    alike_N = np.zeros(len(order_N), np.int64)
    alike_N[firsts] = sizes
    ends, kinds = _ends(confidence_N)
    sums_MR = np.zeros((len(Ranked._fields), sample.counts_NR.shape[1]))
    correct_N = correct_N[order_N].astype(np.float32)
    _walk(sample.counts_NR, order_N, confidence_N, correct_N, alike_N, ends, kinds, sums_MR)
    return sums_MR / len(order_N)


def _ends(confidence_N: Float32Array) -> tuple[Int64Array, Int64Array]:
    """Where bins end in the ranking, and which: bit 0 those of equal width, bit 1 of equal mass, bit 2 of 100 images.

    A bin of equal width holds the confidences above its lower edge, up to its upper one.
    """
    size = len(confidence_N)
    edges = np.linspace(0, 1, BINS + 1)[:-1].astype(np.float32)
    above = size - np.searchsorted(confidence_N[::-1], edges, side="right")
    mass = size - np.arange(BINS) * size // BINS
    hundreds = size - np.arange(0, max(size - BIN, 0) + 1, BIN)
    ends = np.unique(np.concatenate([above, mass, hundreds, np.arange(WALK, size, WALK), [size]]))
    kinds = sum(np.isin(ends, own) << bit for bit, own in enumerate((np.append(above, size), mass, hundreds)))
    return ends.astype(np.int64), np.asarray(kinds, np.int64)


@kernel
def _walk(
    counts_NR: UInt8Array,
    order_N: Int64Array,
    confidence_N: Float32Array,
    correct_N: Float32Array,
    alike_N: Int64Array,
    ends: Int64Array,
    kinds: Int64Array,
    sums_MR: Float64Array,
) -> None:
    """Several copies of an image count together; what is summed in single precision is of few images.

    `alike_N` says at the first of the images of one confidence how many these are.
    """
    draws = counts_NR.shape[1]
    seen, right = np.full(draws, np.float32(1e-30)), np.zeros(draws, np.float32)
    gap, area = np.zeros(draws, np.float32), np.zeros(draws, np.float32)
    width, mass, hundred, before = np.zeros(draws), np.zeros(draws), np.zeros(draws), np.zeros(draws, np.float32)
    widths, masses, squares, first, areas = sums_MR[0], sums_MR[1], sums_MR[2], sums_MR[3], sums_MR[4]
    share, most = np.zeros(draws, np.float32), np.zeros(draws, np.float32)
    start, is_first, tied = 0, True, 0
    for e in range(ends.size):
        for i in range(start, ends[e]):
            drawn, confidence, correct = counts_NR[order_N[i]], confidence_N[i], correct_N[i]
            if alike_N[i] > 1:
                tied = alike_N[i]
                for r in range(draws):
                    share[r], most[r] = np.float32(0.0), np.float32(1e-30)
                for j in range(i, i + tied):
                    others, other = counts_NR[order_N[j]], correct_N[j]
                    for r in range(draws):
                        count = np.float32(np.int32(others[r]))
                        share[r] += count * other
                        most[r] += count
                for r in range(draws):
                    share[r] /= most[r]
            if tied > 0:
                tied -= 1
                for r in range(draws):
                    count = np.float32(np.int32(drawn[r]))
                    seen[r] += count
                    right[r] += count * share[r]
                    gap[r] += count * (confidence - share[r])
                    area[r] += count * (right[r] / seen[r])
            else:
                more = confidence - correct
                for r in range(draws):
                    count = np.float32(np.int32(drawn[r]))
                    seen[r] += count
                    right[r] += count * correct
                    gap[r] += count * more
                    area[r] += count * (right[r] / seen[r])
        start = ends[e]
        for r in range(draws):
            width[r] += gap[r]
            mass[r] += gap[r]
            hundred[r] += gap[r]
            areas[r] += area[r]
            gap[r], area[r] = np.float32(0.0), np.float32(0.0)
        if kinds[e] & 1:
            for r in range(draws):
                widths[r] += abs(width[r])
                width[r] = 0.0
        if kinds[e] & 2:
            for r in range(draws):
                masses[r] += abs(mass[r])
                mass[r] = 0.0
        if kinds[e] & 4:
            for r in range(draws):
                square = hundred[r] ** 2 / max(seen[r] - before[r], np.float32(1.0))
                squares[r] += square
                if is_first:
                    first[r] = square
                hundred[r], before[r] = 0.0, seen[r]
            is_first = False
