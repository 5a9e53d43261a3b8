"""AlexNet's errors on ImageNet-C, the denominator of CE and mCE, and the ratio itself.

Source: README of github.com/hendrycks/robustness, 50,000 validation images. They do not grow with
severity throughout (snow, elastic_transform, saturate): that is how they were published.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from robustbench_cls.core.corruption import IMAGENET_C, SEVERITIES
from robustbench_cls.core.errors import NotApplicable, UserError
from robustbench_cls.core.metric import Predictions

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
    _check(errors, known)
    sums = errors.groupby("corruption", sort=False)["error"].sum()
    return 100.0 * sums / [sum(known[str(name)]) for name in sums.index]


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
    missing = [name for name in IMAGENET_C if name not in set(errors.get("corruption", ()))]
    if missing:
        raise NotApplicable(f"mCE needs all 15 corruptions of ImageNet-C; missing: {', '.join(missing)}.")
    counted = errors[errors["corruption"].isin(IMAGENET_C)]
    return float(corruption_errors(counted, baseline).mean())


def _check(errors: "pd.DataFrame", baseline: Mapping[str, tuple[float, ...]]) -> None:
    if not {"corruption", "severity", "error"} <= set(errors):
        raise UserError(f"Errors need the columns corruption, severity and error, got {', '.join(map(str, errors))}.")
    unknown = [str(name) for name in errors["corruption"].unique() if name not in baseline]
    if unknown:
        raise NotApplicable(
            f"CE needs the baseline's errors, and it has none for {', '.join(unknown)} (AlexNet's are published "
            "for ImageNet-C only). Use mean_corruption_error_unnormalised."
        )
    for name, group in errors.groupby("corruption", sort=False):
        if sorted(group["severity"]) != list(SEVERITIES):
            raise NotApplicable(f"CE of {name} needs severities 1 to 5 once each, found {sorted(group['severity'])}.")
    if not errors["error"].between(0.0, 1.0).all():
        raise UserError("Errors must lie in 0..1 (a fraction, not percent), and none may be NaN.")


def errors_by_condition(predictions: Predictions) -> "pd.DataFrame":
    """The table that CE is computed from: `corruption`, `severity`, `error`."""
    correct = predictions.frame.groupby(["condition", "severity"], sort=False)["correct"].mean()
    table = (1.0 - correct).rename("error").reset_index()
    renamed: pd.DataFrame = table.rename(columns={"condition": "corruption"})
    return renamed


def require_imagenet(predictions: Predictions) -> None:
    """Refuse a ratio to AlexNet on classes that AlexNet was not measured on."""
    if not predictions.imagenet:
        raise NotApplicable(
            "CE, mCE and relative mCE are relative to AlexNet on ImageNet's 1000 classes; "
            "these results have other classes. Use mean_corruption_error_unnormalised."
        )
