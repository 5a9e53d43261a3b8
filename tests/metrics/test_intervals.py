"""Intervals hold what they promise, shown by simulation."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from drawn_predictions import ALL_75, CLEAN, answered, drawn
from scipy.stats import binomtest

from robustbench_cls.core.predictions import Predictions
from robustbench_cls.core.sample import Sample, draws
from robustbench_cls.core.suite import Condition
from robustbench_cls.metrics.alexnet import ERRORS
from robustbench_cls.metrics.interval import Ends, interval, of_difference, spread, wilson, without_spread
from robustbench_cls.metrics.scoring import all_metrics, score
from robustbench_cls.suites import imagenet, imagenet_c

METRICS = all_metrics()
TRIALS = 1000
IMAGES = 250
RESAMPLES = 400
FEW = ALL_75[:10]


def of_a_share() -> Ends:
    return 0.0, 1.0


def images(rng: np.random.Generator, conditions: tuple[Condition, ...], harder: float = 0.0) -> Predictions:
    """Answers to images of unlike difficulty, which conditions share: so errors go together, as in life."""
    difficulty_N = rng.normal(size=IMAGES)
    hardness_C = np.array([ERRORS[c.name][c.severity - 1] for c in conditions]) * 3 - 2 + harder
    wrong_CN = rng.normal(size=(len(conditions), IMAGES)) < hardness_C[:, None] + difficulty_N
    return answered(~wrong_CN, conditions, int(rng.integers(1 << 30)))


def covered(truth: float, of_trial: Callable[[np.random.Generator], tuple[float, float]]) -> float:
    ends = [of_trial(np.random.default_rng(trial)) for trial in range(TRIALS)]
    return float(np.mean([low <= truth <= high for low, high in ends]))


def true_errors(conditions: tuple[Condition, ...], harder: float = 0.0) -> np.ndarray:
    """The chance of a wrong answer: the sum of two normal numbers stands below a threshold."""
    from statistics import NormalDist

    hardness = [ERRORS[c.name][c.severity - 1] * 3 - 2 + harder for c in conditions]
    return np.array([NormalDist(0, 2**0.5).cdf(h) for h in hardness])


@pytest.mark.parametrize("name", ["error", "mean_corruption_error_unnormalised"])
def test_95_percent_intervals_of_errors_cover_the_truth_that_often(name: str) -> None:
    conditions = FEW[:1] if name == "error" else FEW

    def trial(rng: np.random.Generator) -> tuple[float, float]:
        values_R = METRICS[name].compute(Sample.of(images(rng, conditions), RESAMPLES))
        return interval(values_R, "fraction", IMAGES, of_a_share)

    assert 0.93 <= covered(float(true_errors(conditions).mean()), trial) <= 0.97


@pytest.mark.slow
def test_95_percent_intervals_of_mce_and_of_its_difference_cover_the_truth_that_often() -> None:
    def mce(errors_C: np.ndarray) -> float:
        sums = errors_C.reshape(15, 5).sum(axis=1)
        return 100 * float(np.mean([s / sum(ERRORS[c.name]) for s, c in zip(sums, ALL_75[::5], strict=True)]))

    def trial(rng: np.random.Generator) -> tuple[float, float]:
        return spread(METRICS["mce"].compute(Sample.of(images(rng, ALL_75), RESAMPLES)))

    assert 0.93 <= covered(mce(true_errors(ALL_75)), trial) <= 0.97

    def difference(rng: np.random.Generator) -> tuple[float, float]:
        seed = int(rng.integers(1 << 30))
        a, b = (images(np.random.default_rng(seed), ALL_75, harder) for harder in (0.0, 0.3))  # the same images
        first, second = (METRICS["mce"].compute(Sample.of(p, RESAMPLES)) for p in (a, b))
        assert np.std(second - first) < 0.5 * np.std(first)  # pairing pays
        return spread(second - first)

    truth = mce(true_errors(ALL_75, 0.3)) - mce(true_errors(ALL_75))
    assert 0.93 <= covered(truth, difference) <= 0.97


def calibrated(rng: np.random.Generator, count: int, gap: float) -> Predictions:
    """One condition of a model whose confidence lies `gap` over its accuracy."""
    confidence_N = rng.beta(4, 1.5, count).astype(np.float32)
    correct_N = rng.random(count) < np.clip(confidence_N - gap, 0, 1)
    columns = {"confidence": confidence_N[None], "correct": correct_N[None]}
    return Predictions((CLEAN,), tuple(map(str, range(count))), columns, True)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("aurra", 0.93), ("ece", 0.8), ("adaptive_ece", 0.8)])
def test_intervals_of_what_ranks_images(name: str, least: float) -> None:
    """Calibration errors are biased, and their intervals cover less than 95 %: the docstring of `interval` says so."""
    metric = METRICS[name]
    truth = float(metric.compute(Sample.of(calibrated(np.random.default_rng(0), 1_000_000, 0.1), 0))[0])

    def trial(rng: np.random.Generator) -> tuple[float, float]:
        return interval(metric.compute(Sample.of(calibrated(rng, 600, 0.1), RESAMPLES)), "fraction", 600, of_a_share)

    assert least <= covered(truth, trial) <= 0.97


def test_draws_are_of_whole_images_and_the_same_for_the_same_images() -> None:
    ids = tuple(map(str, range(500)))
    counts_NR = draws(ids, 300)
    assert counts_NR.shape == (500, 301) and (counts_NR[:, 0] == 1).all()
    assert (counts_NR.sum(axis=0, dtype=int) == 500).all()
    assert np.var(counts_NR[:, 1:]) == pytest.approx(1, abs=0.02)  # of a Poisson number, nearly
    draws.cache_clear()
    assert (draws(ids, 300) == counts_NR).all()
    assert (draws(ids, 100) == counts_NR[:, :101]).mean() > 0.99  # more resamples go on where fewer stop
    assert (draws(ids[::-1], 300) != counts_NR).any()


def test_the_interval_of_an_accuracy_is_the_binomial_one() -> None:
    scores, _ = score("m", "imagenet", drawn(0.7, [CLEAN], images=2000), imagenet.SUITE.measures)
    (accuracy,) = [s for s in scores if s.metric == "top1_accuracy" and s.n == 2000 and s.condition == "clean"][:1]
    width = 2 * 1.96 * (accuracy.value * (1 - accuracy.value) / 2000) ** 0.5
    assert accuracy.high - accuracy.low == pytest.approx(width, rel=0.08)


def test_fewer_images_wider_interval() -> None:
    def width(images: int) -> float:
        low, high = spread(METRICS["mce"].compute(Sample.of(drawn(0.5, images=images), RESAMPLES)))
        return high - low

    assert width(100) == pytest.approx(4 * width(1600), rel=0.25)


def test_all_right_is_no_certainty() -> None:
    whole = answered(np.ones((1, 30), bool), [CLEAN])
    scores, _ = score("m", "imagenet", whole, imagenet.SUITE.measures)
    accuracy = next(s for s in scores if s.metric == "top1_accuracy")
    assert (accuracy.value, accuracy.high) == (1.0, 1.0)
    assert accuracy.low == pytest.approx(binomtest(30, 30).proportion_ci(method="exact").low)


@pytest.mark.parametrize("right", [True, False])
def test_no_interval_has_zero_width_where_all_images_count_alike(right: bool) -> None:
    clean, conditions = answered(np.full((1, 30), right), [CLEAN]), ALL_75
    whole = sure(answered(np.full((len(conditions), 30), right), conditions))
    whole = replace(whole, reference=sure(clean))
    baseline = replace(drawn(0.5, images=30), image_ids=whole.image_ids)
    scores, _ = score("m", "imagenet-c", whole, imagenet_c.SUITE.measures, baseline=baseline)
    assert {s.unit for s in scores} == {"fraction", "difference", "percent", "nats", "number"}
    for s in scores:
        assert s.low < s.high and s.low <= s.value <= s.high, s
    share = binomtest(0, 30).proportion_ci(method="exact").high
    mce = next(s for s in scores if s.metric == "mce")
    most = 100 * 5 * np.mean([1 / sum(ERRORS[c.name]) for c in conditions])
    if right:
        assert (mce.low, mce.high) == pytest.approx((0, share * most))
    else:
        assert (mce.low, mce.high) == pytest.approx((most * (1 - share), most))


def sure(predictions: Predictions) -> Predictions:
    """All answers alike in every respect: as many images, and nothing to tell them apart by."""
    right = bool(predictions.columns["correct"][0, 0])
    alike = {"confidence": 1.0, "nll": 0.0 if right else 5.0, "brier": 0.0 if right else 2.0}
    columns = {n: np.full_like(v, alike[n]) if n in alike else v for n, v in predictions.columns.items()}
    columns["prediction"] = columns["label"] if right else columns["label"] + 1
    return replace(predictions, columns=columns)


def test_the_exact_bound_is_that_of_clopper_and_pearson() -> None:
    for images in (1, 20, 3000):
        known = binomtest(0, images).proportion_ci(method="exact")
        assert without_spread(0.0, images, (0.0, 1.0)) == pytest.approx((known.low, known.high))
        half = of_difference(np.zeros(9), images, lambda: (0.0, 1.0))
        assert half == pytest.approx((-known.high, known.high))


@pytest.mark.parametrize(("right", "count", "low", "high"), [(8, 10, 0.4901625, 0.9433178), (0, 20, 0.0, 0.1611252)])
def test_wilson_against_scipy(right: int, count: int, low: float, high: float) -> None:
    known = binomtest(right, count).proportion_ci(method="wilson")
    assert wilson(right / count, count) == pytest.approx((known.low, known.high), abs=1e-9)
    assert wilson(right / count, count) == pytest.approx((low, high), abs=1e-6)


def test_the_bias_of_a_number_moves_its_interval_down() -> None:
    values_R = np.concatenate([[0.10], np.linspace(0.06, 0.16, 1001)])  # the resamples read 0.01 too high
    low, high = interval(values_R, "fraction", 100, of_a_share)
    assert (low, high) == pytest.approx((0.0625 - 0.02, 0.1575 - 0.02))
    assert interval(values_R - 0.1, "fraction", 100, of_a_share)[0] == 0.0
    assert interval(values_R - 0.1, "difference", 100, of_a_share)[0] < 0
    higher_R = np.concatenate([[0.10], np.linspace(0.15, 0.19, 1001)])
    assert interval(higher_R, "fraction", 100, of_a_share)[1] == 0.10  # never below the number


def test_the_worst_conditions_of_equal_models_are_not_called_different() -> None:
    """75 conditions that are about equally bad, for two models that are equally good, on few images."""
    rng = np.random.default_rng(0)
    called, images = 0, 60
    for _ in range(100):
        error_C = np.linspace(0.2, 0.8, 75)
        wrong_MNC = rng.random((2, images, 1)) * 0.5 + rng.random((2, images, 75)) * 0.5 < error_C
        counts_RN = np.vstack([np.ones((1, images)), rng.multinomial(images, np.ones(images) / images, 300)])
        first_R, second_R = ((counts_RN @ wrong_NC / images).max(axis=1) for wrong_NC in wrong_MNC)
        low, high = of_difference(first_R - second_R, images, lambda: (0.0, 1.0))
        called += not low <= 0 <= high
    assert called <= 5


def test_no_interval_of_a_difference_passes_what_can_be() -> None:
    differences_R = np.append(0.95, np.random.default_rng(0).normal(0.95, 0.05, 500))
    low, high = of_difference(differences_R, 20, lambda: (0.0, 1.0))
    assert 0.8 < low < 0.95 and high == 1.0
