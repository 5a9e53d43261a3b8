"""Known answers: published tables, and cases worked out by hand."""

from pathlib import Path

import pandas as pd
import pytest

from robustbench_cls import corruption_errors, mean_corruption_error
from robustbench_cls.core.corruption import EXTRA, IMAGENET_C, SEVERITIES
from robustbench_cls.core.errors import NotApplicable, UserError
from robustbench_cls.metrics.alexnet import ERRORS


def table(errors: dict[str, tuple[float, ...]]) -> pd.DataFrame:
    rows = [(name, s, e) for name, values in errors.items() for s, e in zip(SEVERITIES, values, strict=True)]
    return pd.DataFrame(rows, columns=["corruption", "severity", "error"])


def test_constants_equal_the_published_table(shared: Path) -> None:
    published = pd.read_csv(shared / "facts/alexnet_imagenet_c_errors.csv", index_col=0)
    assert {name: tuple(row) for name, row in published.iterrows()} == ERRORS


def test_alexnet_is_100() -> None:
    assert corruption_errors(table(ERRORS)).tolist() == pytest.approx([100.0] * len(ERRORS))
    assert mean_corruption_error(table(ERRORS)) == pytest.approx(100.0)


def test_every_row_of_game_of_noise(shared: Path) -> None:
    published = pd.read_csv(shared / "facts/oracle_ce_game_of_noise.csv")
    assert len(published) == 60
    for _, rows in published.groupby("model"):
        errors = {r.corruption: (1 - r.mean_accuracy_percent / 100,) * 5 for r in rows.itertuples()}
        own = corruption_errors(table(errors))
        for row in rows.itertuples():
            assert own[row.corruption] == pytest.approx(row.published_ce_percent, abs=0.02)
        assert mean_corruption_error(table(errors)) == pytest.approx(rows["published_mce_percent"].iloc[0], abs=0.02)


def test_robustbench_rows_against_their_own_alexnet(shared: Path) -> None:
    rows = pd.read_csv(shared / "facts/oracle_robustbench_5k.csv")
    rows["error"] = 1 - rows["top1_accuracy"]
    alexnet = rows[rows["model"] == "AlexNet"].sort_values("severity")
    baseline = {str(name): tuple(group["error"]) for name, group in alexnet.groupby("corruption")}
    for _, group in rows.groupby("model"):
        assert mean_corruption_error(group, baseline) == pytest.approx(group["published_mce_percent"].iloc[0], abs=0.01)


def test_the_four_extras_never_enter() -> None:
    errors = {**ERRORS, **dict.fromkeys(EXTRA, (0.0,) * 5)}
    assert mean_corruption_error(table(errors)) == pytest.approx(100.0)


def test_order_of_rows_does_not_matter() -> None:
    errors = {name: tuple(e * 0.5 for e in ERRORS[name]) for name in IMAGENET_C}
    shuffled = table(errors).sample(frac=1.0, random_state=1)
    assert mean_corruption_error(shuffled) == pytest.approx(50.0)


def test_a_ratio_of_sums_not_a_mean_of_ratios() -> None:
    errors = table({"fog": (0.1, 0.2, 0.3, 0.4, 0.5)})
    assert corruption_errors(errors)["fog"] == pytest.approx(100 * 1.5 / sum(ERRORS["fog"]))


def test_a_missing_corruption_is_named() -> None:
    with pytest.raises(NotApplicable, match="missing: fog"):
        mean_corruption_error(table({n: ERRORS[n] for n in IMAGENET_C if n != "fog"}))


def test_an_unknown_corruption_is_named() -> None:
    with pytest.raises(NotApplicable, match="caustic_refraction"):
        corruption_errors(table({"caustic_refraction": (0.1,) * 5}))


def test_a_missing_severity_is_named() -> None:
    with pytest.raises(NotApplicable, match="fog needs severities 1 to 5"):
        corruption_errors(table({"fog": ERRORS["fog"]}).iloc[:4])


@pytest.mark.parametrize("bad", [float("nan"), 30.0, -0.1])
def test_errors_out_of_range(bad: float) -> None:
    with pytest.raises(UserError, match=r"0\.\.1"):
        corruption_errors(table({"fog": (bad, 0.2, 0.3, 0.4, 0.5)}))
