"""Whether a difference between two models on the same images is more than chance."""

from collections.abc import Sequence
from math import erfc, sqrt

import numpy as np

from robustbench_cls.core.arrays import Float64Array

ALPHA = 0.05

CHANCE = 4
"""Standard errors within which the mean of resamples differs from the value by their number alone."""


def mcnemar(only_first: int, only_second: int) -> float:
    """McNemar's exact test: how likely images that one model alone answers rightly fall this unevenly by chance.

    Args:
        only_first, only_second: images that only the one, only the other, answers rightly.

    Returns:
        The two-sided p value; 1 where the models never differ.

    Source: McNemar 1947, doi:10.1007/BF02295996, as the exact binomial test.
    """
    from scipy.stats import binomtest

    both = only_first + only_second
    return float(binomtest(only_first, both).pvalue) if both else 1.0


def resampled(differences_R: Float64Array) -> float:
    """The two-sided p value of a difference, from its values on resamples: how often they lie on the other side of 0.

    Where they are biased, by more than their number explains, the greater p counts: of them as they are, and of them
    moved by twice the bias, as the intervals of differences cover both. Where none lies on the other side, their number
    says no more than that p is under 2 / (resamples + 1), too coarse to be corrected for many comparisons: the normal
    distribution of their spread is used then.
    """
    resamples_R = differences_R[1:]
    deviation = float(resamples_R.std())
    bias = float(resamples_R.mean() - differences_R[0])
    biased = abs(bias) > CHANCE * deviation / sqrt(len(resamples_R))
    return max(_p(resamples_R - moved, deviation) for moved in ((0.0, 2 * bias) if biased else (0.0,)))


def _p(values_R: Float64Array, deviation: float) -> float:
    rarer = min(int((values_R <= 0).sum()), int((values_R >= 0).sum()))
    coarse = min(1.0, 2 * (1 + rarer) / (1 + len(values_R)))
    if rarer or not deviation:
        return coarse
    return min(coarse, erfc(abs(float(values_R.mean())) / deviation / sqrt(2)))


def holm(p_values: Sequence[float]) -> list[float]:
    """P values corrected for their number: those under 0.05 hold one chance finding or more in 5 % of such tables.

    Source: Holm 1979, A Simple Sequentially Rejective Multiple Test Procedure.
    """
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    steps = np.maximum.accumulate(np.array(p_values)[order] * factors)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(steps, 1.0)
    return [float(p) for p in corrected]
