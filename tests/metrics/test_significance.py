import numpy as np
import pytest

from robustbench_cls.metrics.significance import holm, mcnemar, resampled


def test_mcnemar_by_hand() -> None:
    assert mcnemar(0, 5) == pytest.approx(2 * 0.5**5)
    assert mcnemar(3, 3) == 1.0
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(8, 2) == mcnemar(2, 8) == pytest.approx(2 * (1 + 10 + 45) / 1024)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_keeps_chance_findings_of_a_whole_table_under_5_percent() -> None:
    rng = np.random.default_rng(0)
    tables = [min(holm(list(rng.random(15)))) < 0.05 for _ in range(2000)]
    assert np.mean(tables) == pytest.approx(0.05, abs=0.015)


def test_a_difference_that_no_resample_turns_round() -> None:
    assert resampled(np.full(2000, 0.5)) == pytest.approx(2 / 2000)
    assert resampled(np.zeros(2001)) == 1.0
    turned = np.concatenate([[0.4], np.linspace(-0.1, 0.9, 1000)])
    assert resampled(turned) == pytest.approx(0.2, abs=0.01)


def test_p_values_go_below_what_resamples_resolve() -> None:
    far = np.concatenate([[1.0], np.random.default_rng(0).normal(1.0, 0.2, 2000)])
    assert resampled(far) == pytest.approx(5.7e-7, rel=0.8)
    assert min(holm([resampled(far)] * 75)) < 0.05


def test_biased_resamples_are_moved_before_they_are_counted() -> None:
    biased = np.concatenate([[0.1], np.random.default_rng(0).normal(0.2, 0.1, 2000)])  # moved: around 0
    assert resampled(biased) > 0.9
