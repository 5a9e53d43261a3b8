"""Images by confidence, on many draws: what calibration errors and response rate curves are computed from.

Images are ranked, and bins of them are cut, once, on the images as they are; a draw changes how often each counts.
So a bin's sum is a sum of rows of the table of counts, which the kernels add up for all draws at once.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from robustbench_cls.core.kernel import Float64Array, Int64Array, kernel
from robustbench_cls.core.sample import Sample

UInt8Array: TypeAlias = npt.NDArray[np.uint8]

BIN = 100
"""Images in a bin of RMS calibration error."""

LANES = 512
"""Draws that a thread works on at a time: their sums stay in the first-level cache."""

THREADS = 2
"""More gain little, as the table of counts has to come from memory."""


class Ranking(NamedTuple):
    """The N images of one condition, least confident first."""

    order_N: Int64Array
    confidence_N: npt.NDArray[np.float32]
    accuracy_N: Float64Array
    """Whether the answer is right; for images of equal confidence the mean of them."""


def ranked(sample: Sample) -> Ranking:
    """The images of the sample's only condition."""
    confidence_N, correct_N = sample.column("confidence")[0], sample.column("correct")[0]
    order_N = np.argsort(confidence_N, kind="stable")
    sorted_N = confidence_N[order_N]
    firsts = np.flatnonzero(np.append(True, sorted_N[1:] != sorted_N[:-1]))
    sizes = np.diff(np.append(firsts, len(order_N)))
    accuracy_N = np.repeat(np.add.reduceat(correct_N[order_N].astype(np.float64), firsts) / sizes, sizes)
    return Ranking(order_N, sorted_N, accuracy_N)


def bin_sums(sample: Sample, ranking: Ranking, starts: Int64Array) -> tuple[Float64Array, Float64Array]:
    """By draw and bin: confidence less accuracy, summed over the bin's images, and how many these are; both RB.

    Args:
        starts: where in the ranking each bin but the first begins.
    """
    edges = np.concatenate([[0], starts, [len(ranking.order_N)]]).astype(np.int64)
    gap_N = ranking.confidence_N.astype(np.float64) - ranking.accuracy_N
    shape = (len(edges) - 1, sample.counts_NR.shape[1])
    gaps_BR, counts_BR = np.empty(shape), np.empty(shape)

    def of(lanes: slice) -> None:
        _bin_sums(sample.counts_NR[:, lanes], ranking.order_N, gap_N, edges, gaps_BR[:, lanes], counts_BR[:, lanes])

    _in_lanes(shape[1], of)
    return gaps_BR.T, counts_BR.T


def squared_gaps(sample: Sample) -> Float64Array:
    """By draw and bin of `BIN` images: the squared gap between confidence and accuracy, times the bin's images; RB.

    The last bin holds what is left over as well.
    """

    def make() -> Float64Array:
        ranking = ranked(sample)
        starts = np.arange(BIN, len(ranking.order_N) - BIN + 1, BIN, dtype=np.int64)
        gaps_RB, counts_RB = bin_sums(sample, ranking, starts)
        squares_RB: Float64Array = gaps_RB**2 / np.maximum(counts_RB, 1)
        return squares_RB

    return sample.once("squared_gaps", make)


def response_rate_area(sample: Sample) -> Float64Array:
    """The mean over k of the accuracy of the k most confident answers, R."""

    def make() -> Float64Array:
        ranking = ranked(sample)
        areas_R = np.empty(sample.counts_NR.shape[1])
        order_N, accuracy_N = ranking.order_N[::-1].copy(), ranking.accuracy_N[::-1].copy()
        _in_lanes(len(areas_R), lambda lanes: _areas(sample.counts_NR[:, lanes], order_N, accuracy_N, areas_R[lanes]))
        return areas_R

    return sample.once("response_rate_area", make)


def _in_lanes(count: int, work: Callable[[slice], None]) -> None:
    lanes = [slice(start, min(start + LANES, count)) for start in range(0, count, LANES)]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, lanes))


@kernel
def _bin_sums(
    counts_NR: UInt8Array,
    order_N: Int64Array,
    gap_N: Float64Array,
    edges: Int64Array,
    gaps_BR: Float64Array,
    counts_BR: Float64Array,
) -> None:
    for b in range(edges.size - 1):
        gaps, counts = gaps_BR[b], counts_BR[b]
        for r in range(gaps.size):
            gaps[r], counts[r] = 0.0, 0.0
        for i in range(edges[b], edges[b + 1]):
            drawn, gap = counts_NR[order_N[i]], gap_N[i]
            for r in range(gaps.size):
                count = np.float64(np.int32(drawn[r]))
                gaps[r] += count * gap
                counts[r] += count


@kernel
def _areas(counts_NR: UInt8Array, order_N: Int64Array, accuracy_N: Float64Array, areas_R: Float64Array) -> None:
    """Most confident images first; several copies of an image count together."""
    right, seen = np.zeros(areas_R.size), np.full(areas_R.size, 1e-300)
    for r in range(areas_R.size):
        areas_R[r] = 0.0
    for i in range(order_N.size):
        drawn, accuracy = counts_NR[order_N[i]], accuracy_N[i]
        for r in range(areas_R.size):
            count = np.float64(np.int32(drawn[r]))
            seen[r] += count
            right[r] += count * accuracy
            areas_R[r] += count * (right[r] / seen[r])
    for r in range(areas_R.size):
        areas_R[r] /= seen[r]
