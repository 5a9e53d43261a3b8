"""From a metric's values on many draws to its 95 % interval."""

from collections.abc import Callable
from math import inf, sqrt
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.errors import NotApplicable

if TYPE_CHECKING:
    from robustbench_cls.core.metric import Metric
    from robustbench_cls.core.sample import Sample

LEVEL = 0.95

BOUNDS: dict[str, tuple[float, float]] = {"fraction": (0.0, 1.0), "difference": (-1.0, 1.0), "nats": (0.0, inf)}
"""By unit, the least and the most that a number can be whatever the images; others know no bounds."""

Z = 1.959963984540054
"""Standard deviations on either side that hold 95 % of a normal distribution."""

Ends: TypeAlias = tuple[float, float]
"""The least and the most that a number can be, whatever is answered."""


def interval(values_R: Float64Array, unit: str, images: int, ends: Callable[[], Ends]) -> tuple[float, float]:
    """The 95 % interval of a number, from its values on the images as they are (the first) and on resamples of them.

    The 2.5 and 97.5 % points of the resamples, moved by twice their bias: calibration errors read higher on a
    resample than on the images, as they do on these than on all images there are, so that the points alone would lie
    too high. For means, whose bias is nil, they stay. No interval leaves the bounds of its unit, or leaves out the
    number itself.

    Simulated, intervals of errors, mCE and differences of them cover the truth in 93 to 97 % of cases. Those of
    calibration errors do in 85 to 90 %, and in less than half of the cases where a model is calibrated perfectly:
    such a model still reads a few points on a few hundred images, and the interval can't know.

    Where all images count alike, as where all are answered rightly, no resample differs. The interval is then
    `without_spread`, with the ends that `ends` gives.

    Source: Efron 1979, doi:10.1214/aos/1176344552.
    """
    value = float(values_R[0])
    if _constant(values_R):
        return without_spread(value, images, ends())
    low, high = spread(values_R)
    least, most = BOUNDS.get(unit, (-inf, inf))
    return max(min(low, value), least), min(max(high, value), most)


def without_spread(value: float, images: int, ends: Ends) -> tuple[float, float]:
    """The 95 % interval of a mean over images that all count alike, in any unit.

    Of all images there are, a share of at most 1 - 0.025^(1/n) counts otherwise than these n, and each of them at
    most as much as the ends allow.

    Source: Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404, the exact interval of 0 in n.
    """
    share = 1 - ((1 - LEVEL) / 2) ** (1 / images)
    least, most = ends
    return min(value, value - share * (value - least)), max(value, value + share * (most - value))


def ends_of(metric: "Metric", sample: "Sample") -> Ends:
    """The least and the most that a metric can be on these images: known by its unit, or had all answers been alike."""
    if metric.unit in ("fraction", "difference"):
        return BOUNDS[metric.unit]
    found = []
    for right in (True, False):
        for clean in (True, False):
            try:
                found.append(float(metric.compute(sample.if_all(right, clean))[0]))
            except NotApplicable:
                continue
    return min(found, default=-inf), max(found, default=inf)


def wilson(share: float, images: int) -> tuple[float, float]:
    """The 95 % interval of a share of independent images.

    Source: Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    centre = (share + Z**2 / (2 * images)) / (1 + Z**2 / images)
    width = Z / (1 + Z**2 / images) * sqrt(share * (1 - share) / images + Z**2 / (4 * images**2))
    return 0.0 if share == 0 else centre - width, 1.0 if share == 1 else centre + width


def of_difference(differences_R: Float64Array, images: int, ends: Callable[[], Ends]) -> tuple[float, float]:
    """The 95 % interval of a difference between two models on the same images, given as `interval`'s values.

    Where no resample differs, as between models that answer all images alike, it is `without_spread`: `ends` are
    those of the metric, so that a difference lies within the distance between them to either side. No interval leaves
    out the difference itself, or passes that distance.

    The interval covers both the points of the resamples and these moved by twice their bias. Of means the two are the
    same. Of maxima and of calibration errors, two models' biases cancel in part, and the moved points alone would call
    equal models different: simulated, in 10 to 50 % of cases for the worst of 75 conditions of 60 images.
    """
    value = float(differences_R[0])
    least, most = ends()
    if _constant(differences_R):
        return without_spread(value, images, (least - most, most - least))
    plain, moved = _points(differences_R), spread(differences_R)
    low, high = min(plain[0], moved[0], value), max(plain[1], moved[1], value)
    return max(low, least - most), min(high, most - least)


def spread(values_R: Float64Array) -> tuple[float, float]:
    """As `interval`, for numbers that know no bounds and differ between resamples."""
    low, high = _points(values_R)
    moved = 2 * (float(values_R[0]) - float(values_R[1:].mean()))
    return low + moved, high + moved


def _points(values_R: Float64Array) -> tuple[float, float]:
    """The 2.5 and 97.5 % points of the resamples."""
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(values_R[1:], [tail, 100 - tail])
    return float(low), float(high)


def _constant(values_R: Float64Array) -> bool:
    """No resample differs, but for rounding in single precision."""
    return bool(np.allclose(values_R, values_R[0], rtol=1e-5, atol=1e-12))
