"""Whether a difference between two models on the same images is more than chance."""

from collections.abc import Sequence

import numpy as np

from robustbench_cls.core.kernel import Float64Array

ALPHA = 0.05


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

    At the least 2 / (resamples + 1), as the images as they are count as one.
    """
    resamples_R = differences_R[1:]
    rarer = min(int((resamples_R <= 0).sum()), int((resamples_R >= 0).sum()))
    return min(1.0, 2 * (1 + rarer) / (1 + len(resamples_R)))


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
