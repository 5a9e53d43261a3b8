"""AlexNet's errors on ImageNet-C, the denominator of CE and mCE, and the ratio itself.

Source: README of github.com/hendrycks/robustness, 50,000 validation images. They do not grow with
severity throughout (snow, elastic_transform, saturate): that is how they were published.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.corruption import IMAGENET_C, SEVERITIES
from robustbench_cls.core.errors import NotApplicable, UserError
from robustbench_cls.core.sample import Sample
from robustbench_cls.core.suite import Condition

if TYPE_CHECKING:
    import pandas as pd

CLEAN_ERROR = 0.4348

ERRORS: dict[str, tuple[float, float, float, float, float]] = {
    "gaussian_noise": (0.69528, 0.82542, 0.93554, 0.98138, 0.99452),
    "shot_noise": (0.71224, 0.85108, 0.93574, 0.98182, 0.99146),
    "impulse_noise": (0.78374, 0.89808, 0.94870, 0.98720, 0.99548),
    "defocus_blur": (0.65624, 0.73202, 0.85036, 0.91364, 0.94714),
    "glass_blur": (0.64308, 0.75054, 0.88806, 0.91622, 0.93344),
    "motion_blur": (0.58430, 0.70048, 0.82108, 0.89750, 0.92638),
    "zoom_blur": (0.70008, 0.76992, 0.80784, 0.84198, 0.87198),
    "snow": (0.71726, 0.88392, 0.86468, 0.91870, 0.94952),
    "frost": (0.61390, 0.79734, 0.88790, 0.89942, 0.93430),
    "fog": (0.67474, 0.76050, 0.84378, 0.87260, 0.94500),
    "brightness": (0.45140, 0.48502, 0.54048, 0.62166, 0.72440),
    "contrast": (0.64548, 0.76150, 0.88874, 0.97760, 0.99270),
    "elastic_transform": (0.52596, 0.70116, 0.55686, 0.64076, 0.80554),
    "pixelate": (0.52218, 0.54620, 0.73728, 0.87092, 0.91262),
    "jpeg_compression": (0.51002, 0.54718, 0.57294, 0.65458, 0.74778),
    "speckle_noise": (0.66192, 0.74440, 0.90246, 0.94548, 0.97268),
    "gaussian_blur": (0.54732, 0.70444, 0.82574, 0.89864, 0.95940),
    "spatter": (0.47196, 0.62194, 0.75052, 0.84132, 0.90182),
    "saturate": (0.59342, 0.65514, 0.51174, 0.70834, 0.82260),
}


def corruption_errors(
    errors: "pd.DataFrame", baseline: Mapping[str, tuple[float, ...]] | None = None
) -> "pd.Series[float]":
    """Corruption error CE of each corruption, in percent of a baseline's error: a ratio of sums.

    Args:
        errors: columns `corruption`, `severity` (1..5) and `error` (0..1), one row a condition.
        baseline: errors by corruption, one a severity; AlexNet's on ImageNet-C where None.

    Returns:
        CE in percent, indexed by corruption in the order of `errors`.

    Raises:
        UserError: a corruption that the baseline lacks, a severity missing or there twice, or an error
            outside 0..1.

    Source: Hendrycks and Dietterich 2019, arXiv:1903.12261, section 4.1.
    """
    known = ERRORS if baseline is None else baseline
    import pandas as pd

    conditions, errors_1C = _read(errors)
    _require_known(dict.fromkeys(condition.name for condition in conditions), known)
    sums = sums_by_corruption(conditions, errors_1C)
    values = {name: 100.0 * float(sums_1[0]) / sum(known[name]) for name, sums_1 in sums.items()}
    series: pd.Series[float] = pd.Series(values, name="error")
    series.index.name = "corruption"
    return series


def mean_corruption_error(errors: "pd.DataFrame", baseline: Mapping[str, tuple[float, ...]] | None = None) -> float:
    """Mean corruption error mCE in percent: the mean of CE over the 15 corruptions of ImageNet-C.

    Rows of the four extra corruptions are left out, as in the published numbers.

    Args:
        errors: as for `corruption_errors`.
        baseline: as for `corruption_errors`.

    Raises:
        UserError: one of the 15 is missing, or as in `corruption_errors`.

    Source: Hendrycks and Dietterich 2019, arXiv:1903.12261, section 4.1.
    """
    known = ERRORS if baseline is None else baseline
    sums = imagenet_c_sums(*_read(errors))
    _require_known(sums, known)
    return 100.0 * float(np.mean([sums_1[0] / sum(known[name]) for name, sums_1 in sums.items()]))


def _read(errors: "pd.DataFrame") -> tuple[list[Condition], Float64Array]:
    """Conditions, and their errors_1C."""
    if not {"corruption", "severity", "error"} <= set(errors):
        raise UserError(f"Errors need the columns corruption, severity and error, got {', '.join(map(str, errors))}.")
    if not errors["error"].between(0.0, 1.0).all():
        raise UserError("Errors must lie in 0..1 (a fraction, not percent), and none may be NaN.")
    names, severities = errors["corruption"], errors["severity"]
    conditions = [Condition(str(name), int(severity)) for name, severity in zip(names, severities, strict=True)]
    return conditions, errors["error"].to_numpy(np.float64)[None]


def alexnet_sum(corruption: str) -> float:
    """AlexNet's errors on a corruption, summed over the severities.

    Raises:
        NotApplicable: none are published.
    """
    _require_known([corruption], ERRORS)
    return sum(ERRORS[corruption])


def sums_by_corruption(conditions: Sequence[Condition], errors_RC: Float64Array) -> dict[str, Float64Array]:
    """Errors summed over the severities, R for each corruption.

    Raises:
        NotApplicable: a severity is missing or there twice.
    """
    sums = {}
    for name in dict.fromkeys(condition.name for condition in conditions):
        own = [place for place, condition in enumerate(conditions) if condition.name == name]
        severities = sorted(conditions[place].severity for place in own)
        if severities != list(SEVERITIES):
            raise NotApplicable(f"CE of {name} needs severities 1 to 5 once each, found {severities}.")
        sums[name] = errors_RC[:, own].sum(axis=1)
    return sums


def imagenet_c_sums(conditions: Sequence[Condition], errors_RC: Float64Array) -> dict[str, Float64Array]:
    """As `sums_by_corruption`, for the 15 corruptions of ImageNet-C.

    Raises:
        NotApplicable: one is missing, or a severity of one.
    """
    missing = [name for name in IMAGENET_C if name not in {condition.name for condition in conditions}]
    if missing:
        raise NotApplicable(f"mCE needs all 15 corruptions of ImageNet-C; missing: {', '.join(missing)}.")
    counted = [place for place, condition in enumerate(conditions) if condition.name in IMAGENET_C]
    return sums_by_corruption([conditions[place] for place in counted], errors_RC[:, counted])


def mean_ce(sums: Mapping[str, Float64Array]) -> Float64Array:
    """The mean of CE over corruptions, in percent, R; from their summed errors.

    Raises:
        NotApplicable: AlexNet's errors on one are not published.
    """
    mean_R: Float64Array = 100.0 * np.mean([sums_R / alexnet_sum(name) for name, sums_R in sums.items()], axis=0)
    return mean_R


def relative(name: str, sums_R: Float64Array, clean_R: Float64Array) -> Float64Array:
    """The rise above the clean error, in percent of AlexNet's, from errors on a corruption summed over severities.

    Raises:
        NotApplicable: AlexNet's errors on it are not published.
    """
    rise_R = sums_R - len(SEVERITIES) * clean_R
    return 100.0 * rise_R / (alexnet_sum(name) - len(SEVERITIES) * CLEAN_ERROR)


def ratio(sums_R: Float64Array, baseline_R: Float64Array) -> Float64Array:
    """Errors over those of a baseline.

    Raises:
        NotApplicable: the baseline makes none, so that nothing can be measured by it.
    """
    if not (baseline_R > 0).all():
        raise NotApplicable("The baseline makes next to no errors on these images, so CE can't be measured by them.")
    return sums_R / baseline_R


def require_imagenet(sample: Sample) -> None:
    """Refuse a ratio to AlexNet on classes that AlexNet was not measured on."""
    if not sample.predictions.imagenet:
        instead = "" if sample.baseline else " robust report --baseline compares with a model of yours."
        raise NotApplicable(
            "CE, mCE and relative mCE are relative to AlexNet on ImageNet's 1000 classes, and these are other classes. "
            f"The mean corruption error, unnormalised, takes their place.{instead}"
        )


def _require_known(names: Iterable[str], baseline: Mapping[str, tuple[float, ...]]) -> None:
    unknown = [name for name in names if name not in baseline]
    if unknown:
        raise NotApplicable(
            f"CE needs the baseline's errors, and it has none for {', '.join(unknown)} (AlexNet's are published "
            "for ImageNet-C only). Use mean_corruption_error_unnormalised."
        )
