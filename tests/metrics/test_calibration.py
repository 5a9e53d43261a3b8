"""Calibration and response rate curves, by hand, by brute force, and against torchmetrics where it means the same."""

from itertools import pairwise

import numpy as np
import pytest

from robustbench_cls.core.errors import NotApplicable
from robustbench_cls.core.predictions import Predictions
from robustbench_cls.core.sample import Sample
from robustbench_cls.core.suite import Condition
from robustbench_cls.metrics.scoring import all_metrics

METRICS = all_metrics()


def one(confidence: list[float] | np.ndarray, correct: list[int] | np.ndarray) -> Sample:
    columns = {"confidence": np.array([confidence], np.float32), "correct": np.array([correct], bool)}
    return Sample.of(Predictions((Condition("clean"),), tuple(map(str, range(len(confidence)))), columns, True), 0)


def value(name: str, sample: Sample) -> float:
    return float(METRICS[name].compute(sample)[0])


@pytest.fixture(scope="module")
def many() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    confidence = rng.beta(3, 1, 1234).astype(np.float32)
    return confidence, rng.random(1234) < confidence**1.5


def test_ece_by_hand() -> None:
    # bins of 1/15: 0.50 and 0.52 share (7/15, 8/15], 0.95 is alone
    sample = one([0.50, 0.52, 0.95, 0.95], [1, 0, 1, 0])
    assert value("ece", sample) == pytest.approx((2 * abs(0.51 - 0.5) + 2 * abs(0.95 - 0.5)) / 4, abs=1e-6)
    assert value("ece", one([1.0, 1.0], [1, 1])) == 0.0
    assert value("ece", one([1.0, 1.0], [0, 0])) == 1.0


def test_ece_is_that_of_torchmetrics(many: tuple[np.ndarray, np.ndarray]) -> None:
    import torch
    from torchmetrics.functional.classification import binary_calibration_error

    confidence, correct = many
    theirs = binary_calibration_error(torch.tensor(confidence), torch.tensor(correct.astype(int)), n_bins=15, norm="l1")
    assert value("ece", one(confidence, correct)) == pytest.approx(float(theirs), abs=1e-5)


def test_adaptive_ece_by_hand(many: tuple[np.ndarray, np.ndarray]) -> None:
    confidence, correct = many
    order = np.argsort(confidence, kind="stable")
    edges = [i * 1234 // 15 for i in range(16)]
    gaps = [abs((confidence[order[a:b]] - correct[order[a:b]]).sum()) for a, b in pairwise(edges)]
    assert value("adaptive_ece", one(confidence, correct)) == pytest.approx(sum(gaps) / 1234, abs=1e-6)


def test_rms_calibration_error_complete_and_as_published(many: tuple[np.ndarray, np.ndarray]) -> None:
    confidence, correct = many
    order = np.argsort(confidence, kind="stable")
    bins = [order[i * 100 : (i + 1) * 100] for i in range(11)] + [order[1100:]]
    squares = [len(b) / 1234 * (confidence[b].mean() - correct[b].mean()) ** 2 for b in bins[:-1]]
    last = bins[-1]
    sample = one(confidence, correct)
    whole = sum(squares) + len(last) / 1234 * (confidence[last].mean() - correct[last].mean()) ** 2
    assert len(last) == 134
    assert value("rms_calibration_error", sample) == pytest.approx(whole**0.5, abs=1e-6)
    assert value("rms_calibration_error_published", sample) == pytest.approx(sum(squares) ** 0.5, abs=1e-6)


def test_rms_calibration_error_of_few_images_is_one_bin() -> None:
    sample = one([0.9] * 50, [1] * 40 + [0] * 10)
    assert value("rms_calibration_error", sample) == pytest.approx(0.1, abs=1e-6)
    with pytest.raises(NotApplicable, match="needs 200 images, there are 50"):
        value("rms_calibration_error_published", sample)


def test_aurra_by_brute_force(many: tuple[np.ndarray, np.ndarray]) -> None:
    confidence, correct = many
    sorted_right = correct[np.argsort(-confidence, kind="stable")]
    brute = np.mean([sorted_right[:k].mean() for k in range(1, 1235)])
    assert value("aurra", one(confidence, correct)) == pytest.approx(brute, abs=1e-8)


def test_equal_confidence_counts_as_its_mean() -> None:
    rng = np.random.default_rng(0)
    right = np.array([1, 1, 0, 0, 1, 0])
    orders = [rng.permutation(6) for _ in range(4000)]
    brute = np.mean([np.mean([right[o][:k].mean() for k in range(1, 7)]) for o in orders])
    assert value("aurra", one([0.7] * 6, right)) == pytest.approx(brute, abs=0.01)
    assert value("aurra", one([0.7] * 6, right)) == pytest.approx(0.5)


def test_flips_between_severities_by_hand() -> None:
    conditions = tuple(Condition("fog", s) for s in (3, 1, 2))  # in any order
    answers = np.array([[4, 1, 2, 3], [0, 1, 2, 3], [0, 1, 9, 3]])  # severity 1: 0123, 2: 0193, 3: 4123
    predictions = Predictions(conditions, ("a", "b", "c", "d"), {"prediction": answers}, True)
    assert METRICS["flip_consistency"].compute(Sample.of(predictions, 0)) == pytest.approx([(0.75 + 0.5) / 2])
    with pytest.raises(NotApplicable, match="one severity"):
        METRICS["flip_consistency"].compute(Sample.of(predictions, 0).only(conditions[:1]))


@pytest.mark.parametrize("name", ["aurra", "ece", "adaptive_ece", "rms_calibration_error"])
def test_draws_vary_among_images_of_one_confidence(name: str) -> None:
    """All confidences alike: there is one accuracy a draw, that of the images drawn."""
    correct = np.arange(500) % 5 < 3
    sample = Sample.of(one(np.full(500, 0.7), correct).predictions, 300)
    values_R = METRICS[name].compute(sample)
    accuracy_R = sample.mean("correct")[:, 0]
    assert np.std(accuracy_R) > 0.015
    expected_R = accuracy_R if name == "aurra" else np.abs(np.float64(np.float32(0.7)) - accuracy_R)
    np.testing.assert_allclose(values_R, expected_R, atol=2e-5)
