"""Reports of small stored runs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from stored_runs import build_run

from robustbench_cls.report.page import collect, render_page
from robustbench_cls.report.section import ReportData
from robustbench_cls.results.store import StoredRun

SHOWN = ("imagenet", "imagenet-c", "imagenet-a", "cue-conflict", "stylized-imagenet")

Build = Callable[..., StoredRun]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """`build_run` with a folder of its own for each call."""
    count = iter(range(1000))
    return lambda *given, **options: build_run(tmp_path / "runs" / f"{next(count):03}", *given, **options)


@dataclass(frozen=True)
class Report:
    """A page with what it was made from."""

    data: ReportData
    html: str


@pytest.fixture(scope="session")
def report(results: Path) -> Report:
    """The report of `results`; not to be changed."""
    data = collect([results])
    return Report(data, render_page(data))


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models on all suites of `SHOWN`, all complete, with samples; not to be changed."""
    root = tmp_path_factory.mktemp("results")
    for model in ("resnet50", "vit_small"):
        for suite in SHOWN:
            build_run(root / model / suite, model, suite, samples=True)
    return root
