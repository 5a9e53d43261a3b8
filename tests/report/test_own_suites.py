"""Reports of suites that the user wrote: their groups, their measures in their order, their metrics, their data."""

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path

import pandas as pd
import pytest
from stored_runs import CIRCUMSTANCES, suite_named

from robustbench_cls.core import discovery
from robustbench_cls.core.suite import Condition, Measure, Suite, graded
from robustbench_cls.report.collect import collect
from robustbench_cls.report.headline import sentences
from robustbench_cls.report.page import render_page, write_report
from robustbench_cls.report.sections import summary
from robustbench_cls.results.store import StoredRun

Build = Callable[..., StoredRun]

OWN_METRIC = """
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.scopes import CONDITION

METRIC = Metric(
    name="sureness",
    title="Sureness",
    scope=CONDITION,
    unit="fraction",
    higher_is_better=True,
    source="https://example.org",
    compute=lambda sample: sample.mean("confidence")[:, 0],
    phrase="sureness of the factory",
)
"""


@pytest.fixture
def own() -> Suite:
    """Two corruptions in groups of the user's own, and a third one that does not count."""
    return replace(
        suite_named("imagenet-c"),
        name="factory",
        title="Our line",
        conditions=(
            *graded({"camera": ("fog",), "lamp": ("brightness",)}),
            *graded({"rare": ("snow",)}, counted=False),
        ),
        measures=(
            Measure("group_error", "lamp"),
            Measure("mean_corruption_error_unnormalised"),
            Measure("top1_accuracy", "clean"),
            Measure("group_error", "camera"),
        ),
    )


@pytest.fixture
def no_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test takes in as code is forgotten after it."""
    monkeypatch.setattr(discovery, "_taken_in", {})


def words(html: str) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<style>.*?</style>", "", html))))


def test_groups_and_measures_of_the_suite_are_shown_in_its_order(build: Build, own: Suite) -> None:
    data = collect([build("a", own, imagenet=False).folder])
    (column,) = data.columns
    assert list(column.groups) == ["camera", "lamp", "rare"] and column.counted == ["fog", "brightness"]
    assert summary.measures(column) == list(own.measures)
    headings = re.findall(r'<th scope="col"[^>]*>([^<]+?)&nbsp;', summary.render(data))
    assert headings == [
        "Mean error of a group, lamp",
        "Mean corruption error, unnormalised",
        "Top-1 accuracy, clean images",
        "Mean error of a group, camera",
    ]
    page = render_page(data)
    assert re.findall(r'<th scope="rowgroup"[^>]*>([^<]+)</th>', page) == ["camera", "lamp", "rare"]
    assert sentences(data)[0].startswith("On factory (lamp), the mean error of a group of a is ")
    assert "Mean of 2" in page  # what does not count is in no mean
    assert data.notes == ()
    assert not re.search(r"AlexNet|baseline", page)


def test_answers_that_are_neither_right_nor_wrong_give_no_accuracy_anywhere(
    build: Build, own: Suite, tmp_path: Path
) -> None:
    unlabelled = replace(own, labels="none", reference=None, measures=())
    shown = replace(unlabelled, name="street", conditions=(Condition("street"),), measures=())
    runs = [build(model, suite, imagenet=False) for model in ("a", "bb") for suite in (unlabelled, shown)]
    out = write_report([run.folder for run in runs], tmp_path / "r.html")
    table = pd.read_csv(out.with_suffix(".csv"))
    assert set(table.metric) == {"mean_confidence", "mean_confidence_corrupted", "flip_consistency"}
    text = words(out.read_text(encoding="utf-8"))
    assert "Mean confidence" in text
    lines = re.findall(r"(fog|brightness|snow) +(\d+\.\d)", text)
    assert {name for name, _ in lines} == {"fog", "brightness", "snow"}  # a row each, and not a column
    assert "Same answer at neighbouring severities" in text
    assert not re.search(
        r"accura|\berrors?\b|\bECE\b|log-likelihood|NLL|Brier|AURRA|calibrat|\bright\b", text, re.IGNORECASE
    )


def test_a_metric_of_the_users_own_leads(build: Build, own: Suite, tmp_path: Path, no_code: None) -> None:
    code = tmp_path / "sureness.py"
    code.write_text(OWN_METRIC)
    suite = replace(own, measures=(Measure("sureness", "clean"), *own.measures))
    run = build("a", suite, imagenet=False)

    data = collect([run.folder])
    assert sentences(data)[0].startswith("On factory (lamp), the mean error of a group of a is ")
    (note,) = data.notes
    assert note.startswith("factory, a: the suite is about 'sureness', which no file here computes.")
    assert "--code" in note and note.replace("'", "&#39;") in render_page(data)

    discovery.take_in(code)
    data = collect([run.folder])
    assert data.notes == ()
    assert sentences(data)[0].startswith("On factory (clean images), the sureness of the factory of a is ")
    assert summary.measures(data.columns[0])[0] == Measure("sureness", "clean")


def test_labels_name_the_data_where_it_is_not_the_suites_own(build: Build, tmp_path: Path) -> None:
    shapes = replace(CIRCUMSTANCES, dataset="shapes")
    one = build("a", "few", circumstances=shapes, data_fingerprint="e" * 64)
    build("b", "few", circumstances=shapes, data_fingerprint="e" * 64)
    build("a", "few")
    out = write_report([one.folder.parent], tmp_path / "r.html")
    data = collect([one.folder.parent])
    assert [column.label for column in data.columns] == ["imagenet-c on shapes", "imagenet-c"]
    assert data.models == ("a", "b")  # both columns are of the same two models
    page = out.read_text(encoding="utf-8")
    title = re.search(r"<h1>(.*?)</h1>", page)[1]
    assert re.search(r"\bon imagenet-c on shapes,", title, re.IGNORECASE)
    assert '<th scope="colgroup" class="first" ' in page and ">imagenet-c on shapes</th>" in page
    assert set(pd.read_csv(out.with_suffix(".csv")).suite) == {"imagenet-c on shapes", "imagenet-c"}
