"""The page as a whole: self-contained, the same bytes, nothing merged that does not compare."""

import re
import subprocess
import sys
from dataclasses import fields, replace
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.metric import Score
from robustbench_cls.core.suite import Condition
from robustbench_cls.metrics.scoring import score
from robustbench_cls.report.headline import sentence
from robustbench_cls.report.labels import columns, label_runs
from robustbench_cls.report.page import collect, render_page, write_report
from robustbench_cls.report.sections import summary

HOSTILE = "<script>alert(1)</script>\"'&$\\frac{"
SIZE_LIMIT = 2_000_000


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
    run = build(few=True, samples=True)
    first = write_report([run.folder], tmp_path / "a.html")
    second = write_report([run.folder], tmp_path / "b.html")
    assert first.read_bytes() == second.read_bytes()
    assert first.with_suffix(".csv").read_bytes() == second.with_suffix(".csv").read_bytes()


def test_table_equals_the_scores(build, tmp_path):
    runs = [build("a", "imagenet-a"), build("a", few=True), build("b", "imagenet-a")]
    expected = [line for run in runs for line in score(run.identity.model, run.identity.suite, run.predictions())[0]]
    out = write_report([run.folder for run in runs], tmp_path / "r.html")
    table = pd.read_csv(out.with_suffix(".csv"))
    assert list(table) == [field.name for field in fields(Score)]
    assert table.to_dict("records") == pd.DataFrame(expected).to_dict("records")


def test_a_run_given_twice_counts_once(build):
    run = build(suite="imagenet")
    data = collect([run.folder, run.folder.parent, run.folder])
    assert len(data.runs) == 1
    assert not data.scores.duplicated().any()


def test_of_two_copies_the_more_complete_counts(build):
    build(few=True, leave_out=[Condition("fog", 1)])
    whole = build(few=True)
    assert [run.folder for run in collect([whole.folder.parent]).runs] == [whole.folder]


def test_models_stand_side_by_side(build):
    for model, suite in (("a", "imagenet"), ("b", "imagenet-a"), ("b", "imagenet"), ("a", "imagenet-a")):
        root = build(model, suite).folder.parent
    order = [(run.identity.model, run.identity.suite) for run in collect([root]).runs]
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
    runs = collect([root]).runs
    assert [column.label for column in columns(runs)][1] == label
    assert [entry.model for entry in label_runs(runs)] == ["a", "b"]


def test_unlike_protocols_split_and_the_page_says_so(build):
    first = build("a", few=True)
    other = replace(first.identity.protocol, images="published", jpeg_quality=0)
    build("b", few=True, protocol=other)
    data = collect([first.folder.parent])
    labels = [column.label for column in columns(data.runs)]
    assert labels[1] == "imagenet-c (no JPEG step, images published)"
    html = unescape(summary.render(data))
    assert "have columns of their own" in html
    assert all(f"<b>{label}</b>" in html for label in labels)


def test_own_preprocessing_of_the_model_does_not_split(build):
    root = build("a", "imagenet").folder.parent
    own = replace(build("b", "imagenet-a").identity.protocol, resize=320, crop=288, input_size=288)
    build("b", "imagenet", protocol=own)
    build("c", "imagenet-a", protocol=replace(own, resize=256, crop=224, interpolation="bicubic"))
    assert [column.label for column in columns(collect([root]).runs)] == ["imagenet", "imagenet-a"]


def test_same_model_and_suite_with_other_weights_are_told_apart(build):
    first = build("a", "imagenet")
    second = build("a", "imagenet", weights_sha256="f" * 64)
    data = collect([first.folder.parent])
    assert [entry.model for entry in label_runs(data.runs)] == [
        f"a (weights {first.identity.weights_sha256[:8]})",
        "a (weights ffffffff)",
    ]
    assert data.scores["model"].nunique() == 2
    assert any(first.identity.differences(second.identity)[0] in note for note in data.notes)


def test_same_model_at_two_input_sizes_keeps_two_rows_over_all_suites(build):
    for suite in ("imagenet", "imagenet-a"):
        run = build("a", suite)
        build("a", suite, protocol=replace(run.identity.protocol, input_size=384))
    runs = collect([run.folder.parent]).runs
    assert {entry.model for entry in label_runs(runs)} == {"a (input size 224)", "a (input size 384)"}
    assert [column.label for column in columns(runs)] == ["imagenet", "imagenet-a"]


def test_runs_that_differ_in_own_preprocessing_alone_are_never_merged(build):
    run = build("a", "imagenet")
    build("a", "imagenet", protocol=replace(run.identity.protocol, interpolation="bilinear"))
    data = collect([run.folder.parent])
    assert set(data.scores["model"]) == {"a (interpolation bicubic)", "a (interpolation bilinear)"}


def test_names_are_escaped(build, tmp_path):
    told = {HOSTILE: [HOSTILE], "recipe_overlaps": ["fog"]}
    run = build(HOSTILE, few=True, provenance=told, leave_out=[Condition("fog", 1)])
    page = write_report([run.folder], tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_partial_runs_are_marked(build):
    run = build(few=True, leave_out=[Condition("fog", s) for s in (1, 2, 3)])
    data = collect([run.folder])
    html = summary.render(data)
    assert "3 of 16 conditions missing" in html
    assert "Partial" in html
    assert "mce" not in set(data.scores["metric"])
    assert any("fog-1, fog-2, fog-3" in note for note in data.notes)


def test_a_run_without_results_still_makes_a_page(build, tmp_path):
    run = build(suite="imagenet", leave_out=[Condition("clean")])
    page = write_report([run.folder], tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Nothing has been measured completely yet." in page
    assert "1 of 1 conditions missing" in page


def test_other_classes_get_no_mce_and_the_page_says_why(build):
    run = build(few=True, imagenet=False)
    data = collect([run.folder])
    assert not set(data.scores["metric"]) & {"mce", "relative_mce", "ce"}
    assert any("relative to AlexNet on ImageNet's 1000 classes" in note for note in data.notes)
    assert "the mean corruption error (unnormalised) of resnet50 is" in sentence(data)


def test_sentence_names_the_best_and_what_it_must_be_read_with(report):
    mce = report.data.scores[report.data.scores.metric == "mce"].sort_values("value")
    best, other = mce.iloc[0], mce.iloc[1]
    words = re.search(r"<h1>(.*?)</h1>", report.html).group(1)
    first, second = (f"{s.value:.1f} ({s.low:.1f} to {s.high:.1f})" for s in (best, other))
    assert f"{best.model} has the lowest mCE: {first}; next: {other.model}, {second}" in words
    assert "of the clean images of the same classes right" in words


def test_sentence_does_not_name_a_winner_on_a_tie(build):
    run = build("a", "imagenet")
    build("a", "imagenet", weights_sha256="f" * 64)
    assert "share the highest top-1 accuracy" in render_page(collect([run.folder.parent]))


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
    run = build("a", few=True, leave_out=[Condition("fog", 1)])
    data = collect([run.folder])
    whole = build("b", few=True)
    run.path(Condition("fog", 1)).write_bytes(whole.path(Condition("fog", 1)).read_bytes())
    assert not run.missing()
    assert data.runs[0].missing() == (Condition("fog", 1),)
    assert "all 16" not in render_page(data)


def test_accuracy_on_cue_conflict_is_not_the_headline(build):
    root = build("a", "cue-conflict").folder.parent
    assert sentence(collect([root])).startswith("On cue-conflict, the shape bias of a is ")
    build("a", "imagenet")
    assert sentence(collect([root])).startswith("On imagenet, the top-1 accuracy of a is ")
