"""From a metric's values on many draws to its 95 % interval."""

from math import inf, sqrt
from typing import TYPE_CHECKING

import numpy as np

from robustbench_cls.core.arrays import Float64Array

if TYPE_CHECKING:
    from robustbench_cls.core.metric import Unit

LEVEL = 0.95

BOUNDS: dict[str, tuple[float, float]] = {"fraction": (0.0, 1.0), "nats": (0.0, inf), "number": (0.0, inf)}
"""By unit, between which values a number lies whatever the images; others know no bounds."""

Z = 1.959963984540054
"""Standard deviations on either side that hold 95 % of a normal distribution."""


def interval(values_R: Float64Array, unit: "Unit", images: int) -> tuple[float, float]:
    """The 95 % interval of a number, from its values on the images as they are (the first) and on resamples of them.

    The 2.5 and 97.5 % points of the resamples, moved by twice their bias: calibration errors read higher on a
    resample than on the images, as they do on these than on all images there are, so that the points alone would lie
    too high. For means, whose bias is nil, they stay. No interval leaves the bounds of its unit, or leaves out the
    number itself.

    Simulated, intervals of errors, mCE and differences of them cover the truth in 93 to 97 % of cases. Those of
    calibration errors do in 85 to 90 %, and in less than half of the cases where a model is calibrated perfectly:
    such a model still reads a few points on a few hundred images, and the interval can't know.

    Where all images are right, or all wrong, no resample differs; the interval is then Wilson's.

    Source: Efron 1979, doi:10.1214/aos/1176344552.
    """
    value, resamples_R = float(values_R[0]), values_R[1:]
    low, high = spread(values_R)
    if unit == "fraction" and value in (0.0, 1.0) and (resamples_R == value).all():
        return wilson(value, images)
    least, most = BOUNDS.get(unit, (-inf, inf))
    return max(min(low, value), least), min(max(high, value), most)


def wilson(share: float, images: int) -> tuple[float, float]:
    """The 95 % interval of a share of independent images.

    Source: Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    centre = (share + Z**2 / (2 * images)) / (1 + Z**2 / images)
    width = Z / (1 + Z**2 / images) * sqrt(share * (1 - share) / images + Z**2 / (4 * images**2))
    return 0.0 if share == 0 else centre - width, 1.0 if share == 1 else centre + width


def of_difference(differences_R: Float64Array, unit: "Unit", images: int) -> tuple[float, float]:
    """The 95 % interval of a difference between two models on the same images, given as `interval`'s values.

    Where they differ on no image, no resample differs; for shares the interval is then what Wilson's leaves room for,
    some images of all, to either side.
    """
    if unit == "fraction" and not differences_R.any():
        half = wilson(0.0, images)[1]
        return -half, half
    return spread(differences_R)


def spread(values_R: Float64Array) -> tuple[float, float]:
    """As `interval`, for numbers that know no bounds, such as differences."""
    resamples_R = values_R[1:]
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(resamples_R, [tail, 100 - tail])
    moved = 2 * (float(values_R[0]) - float(resamples_R.mean()))
    return float(low) + moved, float(high) + moved
