"""The page as a whole: self-contained, the same bytes, nothing merged that does not compare."""

import re
import subprocess
import sys
from dataclasses import fields, replace
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from stored_runs import suite_named

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.metric import Score
from robustbench_cls.core.origin import Origin
from robustbench_cls.core.run import Circumstances
from robustbench_cls.core.suite import Condition, Measure
from robustbench_cls.metrics.scoring import score
from robustbench_cls.report import values
from robustbench_cls.report.block import block
from robustbench_cls.report.comparison import compare_runs
from robustbench_cls.report.headline import sentences
from robustbench_cls.report.page import collect, render_page, write_report
from robustbench_cls.report.section import ReportData
from robustbench_cls.report.sections import summary
from robustbench_cls.results.manifest import find_runs
from robustbench_cls.results.store import StoredRun

HOSTILE = "<script>alert(1)</script>\"'&$\\frac{"
SIZE_LIMIT = 2_000_000


def labels(data: ReportData) -> list[str]:
    return [column.label for column in data.columns]


def metrics(data: ReportData) -> set[str]:
    return {score.metric for score in data.scores}


def test_page_loads_nothing(report):
    loads = re.findall(r"""(?:src|srcset|poster|data|action|xlink:href)\s*=\s*["']([^"']*)""", report.html)
    assert loads
    assert all(address.startswith(("data:image/", "#")) for address in loads)
    assert all(address.startswith("#") for address in re.findall(r"""url\(["']?([^"')]*)""", report.html))
    links = re.findall(r"<(\w+)[^>]*\shref=", report.html)
    assert set(links) <= {"a", "use"}
    assert "@import" not in report.html
    assert not re.findall(r"<(script|link|iframe|object|embed)\b", report.html)


def test_page_forbids_loads_by_policy(report):
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in report.html


def test_page_is_small(report):
    assert len(report.html.encode()) < SIZE_LIMIT


def test_contents_lead_to_the_sections(report):
    anchors = re.findall(r'<a href="#([a-z_]+)">', report.html)
    assert {"summary", "corruptions", "heatmap", "severity_curves", "samples", "protocol"} <= set(anchors)
    assert all(f'id="{anchor}"' in report.html for anchor in anchors)


def test_ids_are_unique(report):
    outside = re.sub(r"<svg.*?</svg>", "", report.html, flags=re.DOTALL)
    ids = re.findall(r'\sid="([^"]+)"', outside)
    assert len(ids) == len(set(ids))


def test_same_runs_give_the_same_bytes(build, tmp_path):
    run = build(suite="few", samples=True)
    first = write_report([run.folder], tmp_path / "a.html")
    second = write_report([run.folder], tmp_path / "b.html")
    assert first.read_bytes() == second.read_bytes()
    assert first.with_suffix(".csv").read_bytes() == second.with_suffix(".csv").read_bytes()


def test_table_equals_the_scores(build, tmp_path):
    runs = [build("a", "imagenet-a"), build("a", "few"), build("b", "imagenet-a")]
    expected = [
        line
        for run in runs
        for line in score(run.identity.model, run.identity.suite, run.predictions(), run.suite.measures)[0]
    ]
    out = write_report([run.folder for run in runs], tmp_path / "r.html")
    table = pd.read_csv(out.with_suffix(".csv"))
    names = [field.name for field in fields(Score)]
    assert list(table) == [*names, "backend", "precision", "limit", "seed", "data", "protocol"]
    assert table[names].to_dict("records") == pd.DataFrame(expected).to_dict("records")
    assert set(table.protocol.str.partition(";")[0]) == {"resize 256"} and set(table.backend) == {"torch"}


def test_a_run_given_twice_counts_once(build):
    run = build(suite="imagenet")
    data = collect([run.folder, run.folder.parent, run.folder])
    assert len(data.entries) == 1
    assert len(set(data.scores)) == len(data.scores)


def test_of_two_copies_the_more_complete_counts(build):
    build(suite="few", leave_out=[Condition("fog", 1)])
    whole = build(suite="few")
    assert [entry.run.folder for entry in collect([whole.folder.parent]).entries] == [whole.folder]


def test_models_stand_side_by_side(build):
    for model, suite in (("a", "imagenet"), ("b", "imagenet-a"), ("b", "imagenet"), ("a", "imagenet-a")):
        root = build(model, suite).folder.parent
    order = [entry.key for entry in collect([root]).entries]
    assert order == [("a", "imagenet"), ("a", "imagenet-a"), ("b", "imagenet"), ("b", "imagenet-a")]


@pytest.mark.parametrize(
    ("field", "value", "label"),
    [
        ("limit", 40, "imagenet-a (limit 40)"),
        ("seed", 7, "imagenet-a (seed 7)"),
        ("data_fingerprint", "e" * 64, "imagenet-a (data fingerprint eeeeeeee)"),
        ("data_fingerprint", "d" * 63 + "e", f"imagenet-a (data fingerprint {'d' * 63}e)"),
        ("suite_version", 2, "imagenet-a (suite version 2)"),
        ("label_space", "other", "imagenet-a (label space other)"),
    ],
)
def test_unlike_measurements_do_not_share_a_column(build, field, value, label):
    root = build("a", "imagenet-a").folder.parent
    build("b", "imagenet-a", **{field: value})
    data = collect([root])
    assert labels(data)[1] == label
    assert data.models == ("a", "b")


def test_unlike_protocols_split_and_the_page_says_so(build):
    first = build("a", "few")
    other = replace(first.identity.protocol, images="published", jpeg_quality=0)
    build("b", "few", protocol=other)
    data = collect([first.folder.parent])
    assert labels(data)[1] == "imagenet-c (no JPEG step, images published)"
    html = unescape(summary.render(data))
    assert "have columns of their own" in html
    assert all(f"<b>{label}</b>" in html for label in labels(data))


def test_own_preprocessing_of_the_model_does_not_split(build):
    root = build("a", "imagenet").folder.parent
    own = replace(build("b", "imagenet-a").identity.protocol, resize=320, crop=288, input_size=288)
    build("b", "imagenet", protocol=own)
    assert labels(collect([root])) == ["imagenet", "imagenet-a"]
    build("c", "imagenet-a", protocol=replace(own, resize=256, crop=224, interpolation="bicubic"))
    assert labels(collect([root])) == [
        "imagenet",
        "imagenet-a (interpolation bilinear)",
        "imagenet-a (interpolation bicubic)",
    ]


def test_same_model_and_suite_with_other_weights_are_told_apart(build):
    first = build("a", "imagenet")
    second = build("a", "imagenet", weights_sha256="f" * 64)
    data = collect([first.folder.parent])
    assert data.models == (f"a (weights {first.identity.weights_sha256[:8]})", "a (weights ffffffff)")
    assert {score.model for score in data.scores} == set(data.models)
    assert any(first.identity.differences(second.identity)[0] in note for note in data.notes)


def test_same_model_at_two_input_sizes_keeps_two_rows_over_all_suites(build):
    for suite in ("imagenet", "imagenet-a"):
        run = build("a", suite)
        build("a", suite, protocol=replace(run.identity.protocol, input_size=384))
    data = collect([run.folder.parent])
    assert set(data.models) == {"a (input size 224)", "a (input size 384)"}
    assert labels(data) == ["imagenet", "imagenet-a"]


def test_runs_that_differ_in_own_preprocessing_alone_are_never_merged(build):
    run = build("a", "imagenet")
    build("a", "imagenet", protocol=replace(run.identity.protocol, interpolation="bilinear"))
    data = collect([run.folder.parent])
    assert {score.model for score in data.scores} == {"a (interpolation bicubic)", "a (interpolation bilinear)"}


def test_names_are_escaped(build, tmp_path):
    origin = Origin(HOSTILE, recipe=HOSTILE, settings={HOSTILE: HOSTILE}, overlaps=("fog",))
    told = Circumstances(HOSTILE, HOSTILE, HOSTILE, (HOSTILE,), {HOSTILE: HOSTILE})
    run = build(HOSTILE, "few", origin=origin, circumstances=told, leave_out=[Condition("fog", 1)])
    page = write_report([run.folder], tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_partial_runs_are_marked(build):
    run = build(suite="few", leave_out=[Condition("fog", s) for s in (1, 2, 3)])
    data = collect([run.folder])
    html = summary.render(data)
    assert f"3 of {len(run.all_conditions)} conditions missing" in html
    assert "Partial" in html
    assert not {"mce", "mean_corruption_error_unnormalised"} & metrics(data)
    assert any("fog-1, fog-2, fog-3" in note for note in data.notes)


def test_a_run_without_results_still_makes_a_page(build, tmp_path):
    run = build(suite="imagenet", leave_out=[Condition("clean")])
    page = write_report([run.folder], tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Nothing has been measured completely yet." in page
    assert "imagenet, resnet50: partial, 1 condition missing: clean." in page


def test_other_classes_get_no_mce_and_the_page_says_why(build):
    run = build(suite="few", imagenet=False)
    data = collect([run.folder])
    assert not metrics(data) & {"mce", "relative_mce", "ce"}
    assert any("relative to AlexNet on ImageNet's 1000 classes" in note for note in data.notes)
    assert "the mean corruption error (unnormalised) of resnet50 is" in sentences(data)[0]


def test_sentence_names_the_best_and_what_it_must_be_read_with(report):
    best, other = sorted((s for s in report.data.scores if s.metric == "mce"), key=lambda s: s.value)
    title = re.search(r"<h1>(.*?)</h1>", report.html)[1]
    lead = re.search(r'<p class="lead">(.*?)</p>', report.html)[1]
    first, second = (f"{s.value:.1f} ({s.low:.1f} to {s.high:.1f})" for s in (best, other))
    assert title == f"On imagenet-c, {best.model} has the lowest mCE: {first}."
    assert lead.startswith(f"Next is {other.model}: {second}; the 95 % interval of the difference is ")
    clean = {s.model: s for s in report.data.scores if (s.suite, s.metric) == ("imagenet-c", "top1_accuracy")}
    assert "Clean accuracy: " in lead
    assert all(
        f"{model} {100 * s.value:.1f}\N{NO-BREAK SPACE}%" in lead for model, s in clean.items() if not s.severity
    )


def test_sentence_does_not_name_a_winner_on_a_tie(build):
    run = build("a", "imagenet")
    build("a", "imagenet", weights_sha256="f" * 64)
    page = render_page(collect([run.folder.parent]))
    assert "<h1>By top-1 accuracy on imagenet, no model is ahead beyond noise.</h1>" in page
    assert re.search(r"the 95 % interval of the difference, \S+ to \S+ percentage points, contains 0\.", page)


def right(count: int):
    """Changes answers so that exactly the first `count` images are right."""

    def alter(frame: pd.DataFrame) -> pd.DataFrame:
        correct = np.arange(len(frame)) < count
        answer = np.where(correct, frame.label, (frame.label + 1) % 1000)
        return frame.assign(correct=correct, top5=correct, prediction=answer)

    return alter


@pytest.mark.parametrize(("counts", "winner"), [((20, 22), False), ((20, 30), True), ((10, 29, 30), False)])
def test_a_winner_is_named_and_bold_only_beyond_noise(build, counts, winner):
    for name, count in zip("abc", counts, strict=False):
        root = build(name, "imagenet", alter=right(count)).folder.parent
    data = collect([root])
    best = "abc"[len(counts) - 1]
    (title, beside) = sentences(data)
    cells = block(data.columns[0], [Measure("top1_accuracy", "clean")], data).rows
    assert [model for model, (cell,) in cells.items() if cell.best] == ([best] if winner else [])
    assert (f"<strong>{cells[best][0].text}</strong>" in summary.render(data)) == winner
    if winner:
        assert title.startswith(f"On imagenet, {best} has the highest top-1 accuracy: 75.0\N{NO-BREAK SPACE}% (")
        ends = re.search(r"interval of the difference is \+(\S+) to \+(\S+) percentage points\.$", beside)
        assert 0 < float(ends[1]) < 100 * (counts[-1] - counts[-2]) / 40 < float(ends[2])
    else:
        assert title == "By top-1 accuracy on imagenet, no model is ahead beyond noise."
        close = f"{best} has .*, {'abc'[len(counts) - 2]} .*; the 95 % interval of the difference, .*, contains 0\\.$"
        assert re.match(close, beside), beside


def test_models_on_unlike_images_are_not_ranked(build):
    root = build("a", "imagenet").folder.parent
    renamed = build("b", "imagenet", alter=lambda frame: right(40)(frame).assign(image_id="other-" + frame.image_id))
    data = collect([root])
    title, beside = sentences(data)
    assert title == "By top-1 accuracy on imagenet, no model is named best."
    assert beside.startswith(f"{renamed.identity.model} has ") and beside.endswith(
        ", but not on the same images and conditions."
    )
    assert "<strong>" not in summary.render(data)


def test_each_stored_file_is_read_once_and_scores_become_a_table_once(build, monkeypatch):
    runs = [build(model, suite) for model in ("a", "b") for suite in ("few", "imagenet-a", "cue-conflict")]
    read, tables = [], []
    whole, table = StoredRun.read_table, values.score_table

    def counted(run, path, *given):
        read.append(path)
        return whole(run, path, *given)

    monkeypatch.setattr(StoredRun, "read_table", counted)
    monkeypatch.setattr("robustbench_cls.report.collect.score_table", lambda scores: tables.append(1) or table(scores))
    render_page(collect([run.folder for run in runs], baseline=runs[0].folder))
    stored = [run.path(condition) for run in runs for condition in run.all_conditions]
    assert sorted(read) == sorted(stored)
    assert tables == [1]


def sure(right: bool):
    """Changes answers so that all are right, or wrong, with a confidence of 1."""

    def alter(frame: pd.DataFrame) -> pd.DataFrame:
        answer = frame.label if right else (frame.label + 1) % 16
        alike = {"correct": right, "top5": right, "head_correct": right, "confidence": 1.0}
        costs = {"nll": 0.0, "brier": 0.0} if right else {"nll": 20.0, "brier": 2.0}
        return frame.assign(prediction=answer, head_prediction=answer, **alike, **costs)

    return alter


@pytest.mark.parametrize("right", [True, False])
def test_no_interval_is_without_width_where_all_answers_are_alike(build, tmp_path, right):
    runs = [build("a", suite, alter=sure(right)) for suite in ("imagenet-c", "imagenet-a", "cue-conflict")]
    out = write_report([run.folder for run in runs], tmp_path / "r.html")
    table = pd.read_csv(out.with_suffix(".csv"))
    assert {"fraction", "difference", "percent", "nats", "number"} == set(table.unit)
    narrow = table[~((table.low < table.value) | (table.value < table.high))]
    assert narrow.empty, narrow
    assert ((table.low <= table.value) & (table.value <= table.high)).all()
    unbounded = table[np.isinf(table.high) | np.isinf(table.low)]
    assert set(unbounded.metric) == {"nll", "mean_nll"}  # nothing bounds a log-likelihood
    assert " to \N{INFINITY}" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["report.csv", "report", "report.pdf"])
def test_other_file_names_are_refused(build, tmp_path, name):
    with pytest.raises(UserError, match=r"\.html"):
        write_report([build(suite="imagenet").folder], tmp_path / name)


def test_no_runs_are_an_error_the_user_can_mend(tmp_path):
    with pytest.raises(UserError, match="No results named"):
        write_report([], tmp_path / "r.html")
    with pytest.raises(UserError, match="No results in"):
        write_report([tmp_path], tmp_path / "r.html")


def test_a_broken_sample_is_an_error_the_user_can_mend(build, tmp_path):
    run = build(suite="imagenet", samples=True)
    run.sample_path(Condition("clean")).write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(UserError, match="can't be read as an image"):
        write_report([run.folder], tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_reporting_imports_no_torch(build, tmp_path):
    run = build(suite="imagenet-a", samples=True)
    code = (
        "import sys; from pathlib import Path; from robustbench_cls.report.page import write_report\n"
        "write_report([Path(sys.argv[1])], Path(sys.argv[2]))\n"
        "print(sorted({'torch', 'torchvision', 'timm', 'matplotlib.pyplot'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code, str(run.folder), str(tmp_path / "r.html")],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_paths_may_be_text_and_one_run_needs_no_list(results: Path, tmp_path: Path) -> None:
    one = write_report(str(results), str(tmp_path / "a.html"))
    two = write_report([results], tmp_path / "b.html")
    assert one.read_bytes() == two.read_bytes()


def test_a_report_on_a_run_that_goes_on_shows_one_moment(build):
    run = build("a", "few", leave_out=[Condition("fog", 1)])
    data = collect([run.folder])
    whole = build("b", "few")
    run.path(Condition("fog", 1)).write_bytes(whole.path(Condition("fog", 1)).read_bytes())
    assert not run.missing()
    assert data.entries[0].run.missing() == (Condition("fog", 1),)
    assert f"all {len(run.all_conditions)}" not in render_page(data)


def test_accuracy_on_cue_conflict_is_not_the_headline(build):
    root = build("a", "cue-conflict").folder.parent
    assert sentences(collect([root]))[0].startswith("On cue-conflict, the shape bias of a is ")


@pytest.mark.parametrize("edit", [{"counted": False}, {"group": "air"}], ids=["counted", "group"])
def test_means_over_unlike_conditions_of_an_edited_suite_have_columns_of_their_own_and_no_winner(build, edit):
    few = suite_named("few")
    edited = replace(few, conditions=tuple(replace(c, **edit) if c.name == "fog" else c for c in few.conditions))
    one, other = build("a", few, imagenet=False), build("bbbbb", edited, imagenet=False)
    data = collect([one.folder, other.folder])
    assert [label[:51] for label in labels(data)] == ["imagenet-c (conditions, groups and what is counted "] * 2
    assert labels(data)[0] != labels(data)[1]
    (comparison,), _ = compare_runs(find_runs(one.folder), find_runs(other.folder))
    found = {(d.metric, d.condition) for d in comparison.differences}
    assert ("top1_accuracy", "clean") in found
    assert (("mean_corruption_error_unnormalised", "all") in found) == ("group" in edit)
    assert (("group_error", "weather") in found) == ("counted" in edit)


def test_a_run_without_clean_images_shares_the_column_of_one_with_them(build):
    one = build("a", "few", imagenet=False)
    other = build("b", replace(suite_named("few"), reference=None), imagenet=False)
    data = collect([one.folder.parent])
    assert labels(data) == ["imagenet-c"]
    means = [s for s in data.scores if s.metric == "mean_corruption_error_unnormalised"]
    assert len(means) == 2
    (comparison,), notes = compare_runs(find_runs(one.folder), find_runs(other.folder))
    assert comparison.shown[0].metric == "mean_corruption_error_unnormalised"
    assert notes == ["imagenet-c: 15 of 16 conditions are in both"]


def test_measures_that_one_run_of_a_column_does_not_ask_for_are_compared_nevertheless(build):
    few = suite_named("few")
    asking = replace(few, measures=(Measure("group_error", "weather"),))
    data = collect([build("a", few, imagenet=False).folder, build("b", asking, imagenet=False).folder])
    first, second = data.entries
    assert data.paired.gap(Measure("group_error", "weather"), first, second) is not None
