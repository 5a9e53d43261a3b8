"""Runs that the version before wrote (format 2) still make a page with the numbers of then."""

import tarfile
from pathlib import Path

import pandas as pd
import pytest

from robustbench_cls.report.page import write_report

OLD = Path(__file__).parents[1] / "old"
PLACE = ["model", "suite", "condition", "severity", "metric"]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(OLD / "runs.tar.xz") as packed:
        packed.extractall(folder, filter="data")
    return write_report([folder], folder / "r.html")


def test_every_number_is_the_one_of_then(page: Path) -> None:
    then = pd.read_csv(OLD / "scores.csv").set_index(PLACE)
    now = pd.read_csv(page.with_suffix(".csv")).set_index(PLACE)
    gone = then.index.difference(now.index)
    assert set(gone.get_level_values("metric")) == {"aurc"}  # one less AURRA
    kept = then.index.intersection(now.index)
    assert len(kept) > 800
    assert now.loc[kept, "value"].to_numpy() == pytest.approx(then.loc[kept, "value"].to_numpy(), rel=1e-6, abs=1e-9)
    assert (now.loc[kept, ["unit", "n"]] == then.loc[kept, ["unit", "n"]]).all(axis=None)


def test_what_is_new_is_about_confidence_alone(page: Path) -> None:
    then = pd.read_csv(OLD / "scores.csv").set_index(PLACE)
    now = pd.read_csv(page.with_suffix(".csv")).set_index(PLACE)
    assert set(now.index.difference(then.index).get_level_values("metric")) == {"mean_confidence"}


def test_the_page_names_suites_models_and_groups(page: Path) -> None:
    html = page.read_text(encoding="utf-8")
    then = pd.read_csv(OLD / "scores.csv")
    assert all(name in html for name in {*then.model, *then.suite})
    assert "weather</th>" in html
