"""Errors over corruptions: of one corruption, of groups and severities, and means over a suite."""

import numpy as np

from robustbench_cls.core.arrays import Float64Array
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.sample import Sample
from robustbench_cls.core.scopes import CORRUPTION, GROUP, HELD_OUT, SEVERITY, SUITE
from robustbench_cls.metrics.alexnet import (
    alexnet_sum,
    imagenet_c_sums,
    mean_ce,
    ratio,
    relative,
    require_imagenet,
    sums_by_corruption,
)

HENDRYCKS = "https://arxiv.org/abs/1903.12261"
MINTUN = "https://arxiv.org/abs/2102.11273"


def mean_error(sample: Sample) -> Float64Array:
    """Mean of the top-1 error over the conditions of the place, each counted once.

    Over a suite this is the mean corruption error without a baseline. It is another number than mCE (ResNet-50:
    60.8 % against an mCE of 76.7), and has a meaning on any classes. Over the held-out corruptions it tests
    robustness to the unseen: augmentation that contains a test corruption makes the error under it no such test.
    """
    return sample.mean_error()


def worst_condition_error(sample: Sample) -> Float64Array:
    """Top-1 error in the condition in which it is highest.

    A maximum over noisy conditions, so a little higher than the error of the condition that is truly the worst. Its
    interval allows for that where one condition stands out; where several are about as bad and images are few, it lies
    too high (simulated with 75 equal conditions: 37 % coverage with 60 images, 82 % with 500).
    """
    worst_R: Float64Array = sample.errors().max(axis=1)
    return worst_R


def ce(sample: Sample) -> Float64Array:
    """Error summed over the five severities, in percent of AlexNet's."""
    require_imagenet(sample)
    ((name, sums_R),) = sums_by_corruption(sample.conditions, sample.errors()).items()
    return 100.0 * sums_R / alexnet_sum(name)


def relative_ce(sample: Sample) -> Float64Array:
    """Rise above the clean error, summed over the five severities, in percent of AlexNet's rise."""
    require_imagenet(sample)
    clean_R = sample.clean.errors()[:, 0]
    ((name, sums_R),) = sums_by_corruption(sample.conditions, sample.errors()).items()
    return relative(name, sums_R, clean_R)


def ce_against_baseline(sample: Sample) -> Float64Array:
    """Error summed over the five severities, in percent of that of the baseline run that the user named."""
    baseline = sample.against().only(sample.conditions)
    ((_, sums_R),) = sums_by_corruption(sample.conditions, sample.errors()).items()
    ((_, baseline_R),) = sums_by_corruption(baseline.conditions, baseline.errors()).items()
    return 100.0 * ratio(sums_R, baseline_R)


def mce(sample: Sample) -> Float64Array:
    """Mean of CE over the 15 corruptions of ImageNet-C, in percent; AlexNet is 100."""
    require_imagenet(sample)
    return mean_ce(imagenet_c_sums(sample.conditions, sample.errors()))


def relative_mce(sample: Sample) -> Float64Array:
    """Mean over corruptions of relative CE, the rise above the clean error in percent of AlexNet's rise.

    Never shown without mCE and the clean accuracy beside it: a model that is bad on clean images has little left to
    lose and looks robust.
    """
    require_imagenet(sample)
    clean_R = sample.clean.errors()[:, 0]
    sums = imagenet_c_sums(sample.conditions, sample.errors())
    mean_R: Float64Array = np.mean([relative(name, sums_R, clean_R) for name, sums_R in sums.items()], axis=0)
    return mean_R


def held_out_mce(sample: Sample) -> Float64Array:
    """Mean of CE over the corruptions that are in none of the recipes compared, in percent."""
    require_imagenet(sample)
    return mean_ce(sums_by_corruption(sample.conditions, sample.errors()))


def mce_against_baseline(sample: Sample) -> Float64Array:
    """Mean of CE over the 15 corruptions of ImageNet-C, against the errors of the baseline run that the user named.

    For data of other classes than ImageNet's, and for other baselines than AlexNet. Never to be mixed with mCE.
    """
    baseline = sample.against()
    sums = imagenet_c_sums(sample.conditions, sample.errors())
    theirs = imagenet_c_sums(baseline.conditions, baseline.errors())
    mean_R: Float64Array = 100.0 * np.mean([ratio(sums[name], theirs[name]) for name in sums], axis=0)
    return mean_R


ERROR_OF_ONE = Metric(
    name="corruption_error_unnormalised",
    title="Mean error of a corruption",
    scope=CORRUPTION,
    unit="fraction",
    higher_is_better=False,
    source=HENDRYCKS,
    compute=mean_error,
    phrase="mean error under a corruption",
)

CE = Metric(
    name="ce",
    title="CE",
    scope=CORRUPTION,
    unit="percent",
    higher_is_better=False,
    source=HENDRYCKS,
    compute=ce,
    baseline="AlexNet",
)

RELATIVE_CE = Metric(
    name="relative_ce",
    title="Relative CE",
    scope=CORRUPTION,
    unit="percent",
    higher_is_better=False,
    source=HENDRYCKS,
    compute=relative_ce,
    phrase="relative CE",
    baseline="AlexNet",
)

CE_AGAINST_BASELINE = Metric(
    name="ce_against_baseline",
    title="CE against the baseline",
    scope=CORRUPTION,
    unit="percent",
    higher_is_better=False,
    source=HENDRYCKS,
    compute=ce_against_baseline,
    baseline="the baseline run",
)

MEAN = Metric(
    name="mean_corruption_error_unnormalised",
    title="Mean corruption error, unnormalised",
    scope=SUITE,
    unit="fraction",
    higher_is_better=False,
    source=HENDRYCKS,
    compute=mean_error,
    phrase="mean corruption error (unnormalised)",
    by_corruption="corruption_error_unnormalised",
)

MCE = Metric(
    name="mce",
    title="mCE",
    scope=SUITE,
    unit="percent",
    higher_is_better=False,
    source=HENDRYCKS,
    compute=mce,
    by_corruption="ce",
    baseline="AlexNet",
)

RELATIVE_MCE = Metric(
    name="relative_mce",
    title="Relative mCE",
    scope=SUITE,
    unit="percent",
    higher_is_better=False,
    source=HENDRYCKS,
    compute=relative_mce,
    phrase="relative mCE",
    beside=("mce", "top1_accuracy"),
    baseline="AlexNet",
)

MCE_AGAINST_BASELINE = Metric(
    name="mce_against_baseline",
    title="mCE against the baseline",
    scope=SUITE,
    unit="percent",
    higher_is_better=False,
    source=HENDRYCKS,
    compute=mce_against_baseline,
    by_corruption="ce_against_baseline",
    baseline="the baseline run",
)

HELD_OUT_MEAN = Metric(
    name="held_out_error",
    title="Mean error, held-out corruptions",
    scope=HELD_OUT,
    unit="fraction",
    higher_is_better=False,
    source=MINTUN,
    compute=mean_error,
    phrase="mean error over held-out corruptions",
    by_corruption="corruption_error_unnormalised",
)

HELD_OUT_MCE = Metric(
    name="held_out_mce",
    title="mCE, held-out corruptions",
    scope=HELD_OUT,
    unit="percent",
    higher_is_better=False,
    source=MINTUN,
    compute=held_out_mce,
    phrase="mCE over held-out corruptions",
    by_corruption="ce",
    baseline="AlexNet",
)

OF_A_SEVERITY = Metric(
    name="severity_error",
    title="Mean error at a severity",
    scope=SEVERITY,
    unit="fraction",
    higher_is_better=False,
    source=HENDRYCKS,
    compute=mean_error,
    phrase="mean error at a severity",
)

OF_A_GROUP = Metric(
    name="group_error",
    title="Mean error of a group",
    scope=GROUP,
    unit="fraction",
    higher_is_better=False,
    source=HENDRYCKS,
    compute=mean_error,
    phrase="mean error of a group",
)

WORST = Metric(
    name="worst_condition_error",
    title="Error in the worst condition",
    scope=SUITE,
    unit="fraction",
    higher_is_better=False,
    source=HENDRYCKS,
    compute=worst_condition_error,
    phrase="error in the worst condition",
)
