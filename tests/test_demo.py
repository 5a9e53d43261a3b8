"""The demo, smaller than it ships: whole, small enough to send, and the same when started again."""

from pathlib import Path

import pandas as pd
import pytest

from robustbench_cls import demo


@pytest.mark.slow
def test_demo_ends_in_one_page_and_does_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "TRAIN", 10)
    monkeypatch.setattr(demo, "VAL", 1)
    monkeypatch.setattr(demo, "SETTINGS", {**demo.SETTINGS, "epochs": 1})
    page = demo.run_demo(tmp_path / "demo")
    assert page.stat().st_size < 2_000_000
    scores = pd.read_csv(page.with_suffix(".csv"))
    assert set(scores["suite"]) == {f"{suite} on shapes" for suite in demo.SUITES}
    assert scores["model"].nunique() == 2
    assert "mce" not in set(scores["metric"])
    files = {p: p.stat().st_mtime_ns for p in (tmp_path / "demo" / "runs").rglob("*") if p.is_file()}
    before = page.read_bytes()
    assert demo.run_demo(tmp_path / "demo").read_bytes() == before
    assert files == {p: p.stat().st_mtime_ns for p in files}
