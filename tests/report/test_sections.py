"""Contracts over every section, then what each one shows."""

import re
from dataclasses import fields, replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from robustbench_cls.core.discovery import discover
from robustbench_cls.core.metric import Score
from robustbench_cls.core.predictions import Predictions
from robustbench_cls.core.suite import Condition
from robustbench_cls.report import figure, values
from robustbench_cls.report.block import block
from robustbench_cls.report.labels import columns, label_runs
from robustbench_cls.report.page import collect
from robustbench_cls.report.section import ReportData, Section
from robustbench_cls.report.sections import (
    calibration,
    classes,
    corruptions,
    heatmap,
    samples,
    severity_curves,
    shape_bias,
    summary,
)
from robustbench_cls.report.values import OVERLAP, PARTIAL

SECTIONS = discover("robustbench_cls.report.sections", Section)
OF_SEVERAL_MODELS = ("effective_robustness", "seeds")
OF_STIMULI = ("shape_bias",)
EMPTY = ReportData((), pd.DataFrame(columns=[field.name for field in fields(Score)]), ())
HOSTILE = "<script>x</script>"
VOID = {"meta", "img", "path", "use", "br", "input", "rect"}


class Balanced(HTMLParser):
    """Fails on a tag that is closed out of turn; gathers tables."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open, f"</{tag}> closes nothing"
            assert self.open.pop() == tag


def text_of(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


@pytest.fixture(scope="session")
def one_model(report):
    runs = tuple(run for run in report.data.runs if run.identity.model == "resnet50")
    return ReportData(runs, report.data.scores[report.data.scores.model == "resnet50"], ("a note",))


@pytest.fixture
def hostile(build):
    run = build(HOSTILE, "few", samples=True, leave_out=[Condition("fog", 2)], provenance={HOSTILE: {HOSTILE: HOSTILE}})
    return collect([run.folder])


def test_all_sections_are_found():
    found = ["corruptions", "heatmap", "notes", "protocol", "samples", "severity_curves", "summary"]
    assert set(found) <= set(SECTIONS)
    assert len({section.order for section in SECTIONS.values()}) == len(SECTIONS)


@pytest.mark.parametrize("name", SECTIONS)
def test_section_is_empty_without_data(name):
    assert SECTIONS[name].render(EMPTY) == ""


@pytest.mark.parametrize("name", SECTIONS)
def test_section_renders_with_one_model(name, one_model):
    html = SECTIONS[name].render(one_model)
    parser = Balanced()
    parser.feed(html)
    assert bool(html) == (name not in OF_SEVERAL_MODELS)
    assert parser.open == []


@pytest.mark.parametrize("name", SECTIONS)
def test_section_renders_the_same_again(name, report):
    assert SECTIONS[name].render(report.data) in report.html


def test_sections_escape_names_of_partial_runs(hostile):
    for section in SECTIONS.values():
        html = section.render(hostile)
        assert bool(html) == (section.name not in OF_SEVERAL_MODELS + OF_STIMULI)
        assert "<script" not in html


@pytest.mark.parametrize("name", SECTIONS)
def test_section_renders_runs_without_scores(name, one_model):
    SECTIONS[name].render(ReportData(one_model.runs, EMPTY.scores, ()))


def test_tables_have_captions_scopes_and_images_alt_texts(report):
    html = report.html
    assert html.count("<table") == html.count("<caption>") > len(SECTIONS) - 2
    assert all("scope=" in tag for tag in re.findall(r"<th\b[^>]*>", html))
    assert all(re.search(r'alt="[^"]+"', tag) for tag in re.findall(r"<img\b[^>]*>", html))


def test_summary_shows_the_scores(report):
    table = values.score_table(report.data.scores)
    html = SECTIONS["summary"].render(report.data)
    for column in columns(report.data.runs):
        shown = block(column, summary.measures(column, table), ["resnet50", "vit_small"], table)
        for place, measure in enumerate(shown.measures):
            for model, cells in shown.rows.items():
                wanted = table[model, column.label, measure.condition, 0, measure.metric.name]
                percent = wanted.value * (100 if wanted.unit == "fraction" else 1)
                assert cells[place].text == f"{percent:.1f}"
                assert (cells[place].n, shown.counts[place]) == (wanted.n, 40)
                assert f">{percent:.1f}<" in html


def test_summary_measures_of_each_suite(report):
    table = values.score_table(report.data.scores)
    shown = {
        column.label: [(m.metric.name, m.condition) for m in summary.measures(column, table)]
        for column in columns(report.data.runs)
    }
    assert shown["imagenet"] == [("top1_accuracy", "clean")]
    assert shown["imagenet-a"] == [
        ("top1_accuracy", "natural"),
        ("head_top1_accuracy", "natural"),
        ("top1_accuracy", "clean"),
    ]
    assert shown["stylized-imagenet"] == [("top1_accuracy", "stylized"), ("top1_accuracy", "clean")]
    first = ["mce", "relative_mce", "mean_corruption_error_unnormalised"]
    assert [name for name, _ in shown["imagenet-c"] if name in first] == first
    assert shown["imagenet-c"][-1] == ("top1_accuracy", "clean")


def test_summary_never_shows_relative_mce_alone(report):
    column = next(c for c in columns(report.data.runs) if c.label == "imagenet-c")
    table = dict(values.score_table(report.data.scores))
    del table["resnet50", "imagenet-c", "clean", 0, "top1_accuracy"]
    shown = block(column, summary.measures(column, table), ["resnet50", "vit_small"], table)
    place = [measure.metric.name for measure in shown.measures].index("relative_mce")
    assert shown.rows["resnet50"][place].text == values.ABSENT
    assert shown.rows["vit_small"][place].text != values.ABSENT


@pytest.mark.parametrize(("higher", "best"), [(True, [False, True, True]), (False, [True, False, False])])
def test_best_is_bold_and_ties_share_it(higher, best):
    found = [[Score("m", "s", "c", 0, "x", value, 0, 1, "fraction", 9)] for value in (0.5, 0.70001, 0.7)]
    assert [cell.best for cell in values.cells(found, ["", "", ""], higher_is_better=higher)] == best


def test_partial_and_lone_numbers_are_never_best():
    found = [[Score("m", "s", "c", 0, "x", value, 0, 1, "fraction", 9)] for value in (0.9, 0.5)]
    assert not any(cell.best for cell in values.cells(found, [PARTIAL, ""], higher_is_better=True))


def test_numbers_have_a_true_minus_and_no_negative_zero():
    assert values.number(-0.04) == "0.0"
    assert values.number(-3.21) == "\N{MINUS SIGN}3.2"
    assert values.number(3.21, signed=True) == "+3.2"
    assert values.number(0.01, signed=True) == "0.0"


def test_summary_marks_partial_numbers(build):
    whole = build("a", "few")
    build("b", "few", leave_out=[Condition("fog", 1)])
    data = collect([whole.folder.parent])
    [column] = columns(data.runs)
    table = values.score_table(data.scores)
    shown = block(column, summary.measures(column, table), ["a", "b"], table)
    marked = [PARTIAL in cell.marks for cell in shown.rows["b"]]
    assert marked == [measure.whole_suite for measure in shown.measures]
    assert "b on imagenet-c: 1 of 16 conditions missing." in SECTIONS["summary"].render(data)


def test_summary_leaves_a_cell_empty_where_a_model_has_no_such_suite(build):
    root = build("a", "imagenet").folder.parent
    build("b", "imagenet-a")
    text = text_of(SECTIONS["summary"].render(collect([root])))
    assert text.count(values.ABSENT) == 4


def test_corruptions_show_error_and_ce(report):
    table = values.score_table(report.data.scores)
    column = next(c for c in columns(report.data.runs) if c.corrupted)
    built = corruptions.build(column, table)
    assert list(built.groups) == ["noise", "blur", "weather", "digital"]
    row = next(row for row in built.groups["weather"] if row.title == "fog")
    scores = report.data.scores
    for place, entry in enumerate(column.runs):
        own = scores[(scores.model == entry.model) & (scores.suite == "imagenet-c")]
        error = own[(own.metric == "error") & (own.condition == "fog")]["value"].mean()
        ce = own[(own.metric == "ce") & (own.condition == "fog")]["value"].item()
        assert (row.errors[place].text, row.ces[place].text) == (f"{100 * error:.1f}", f"{ce:.1f}")
        mce = own[own.metric == "mce"]["value"].item()
        unnormalised = own[own.metric == "mean_corruption_error_unnormalised"]["value"].item()
        assert built.means[0].ces[place].text == f"{mce:.1f}"
        assert built.means[0].errors[place].text == f"{100 * unnormalised:.1f}"


def test_corruptions_mark_overlaps_and_average_the_held_out(build):
    whole = build("a", "few")
    build(
        "b",
        "few",
        origin=Origin(
            overlaps=(
                "contrast",
                "fog",
                "brightness",
            )
        ),
    )
    data = collect([whole.folder.parent])
    [column] = columns(data.runs)
    built = corruptions.build(column, values.score_table(data.scores))
    assert built.overlapping == ["contrast", "fog"]
    assert built.held_out == ["shot_noise"]
    marked = [row.title for rows in built.groups.values() for row in rows if OVERLAP in row.errors[1].marks]
    assert marked == ["fog", "contrast"]
    assert not any(OVERLAP in row.errors[0].marks for rows in built.groups.values() for row in rows)
    errors = data.scores[(data.scores.model == "b") & (data.scores.metric == "error")]
    expected = 100 * errors[errors.condition.isin(built.held_out)]["value"].mean()
    assert [row.title for row in built.means] == ["Mean of 3", "Mean of 1 held out"]
    assert built.means[1].errors[1].text == f"{expected:.1f}"
    assert OVERLAP in built.means[0].errors[1].marks
    assert OVERLAP not in built.means[1].errors[1].marks
    html = SECTIONS["corruptions"].render(data)
    assert "The augmentation of this model's recipe contains this corruption." in html
    assert OVERLAP in SECTIONS["summary"].render(data)


def test_corruptions_without_baseline_have_no_ce(build):
    data = collect([build(suite="few", imagenet=False).folder])
    assert '<th scope="col">CE</th>' not in SECTIONS["corruptions"].render(data)


def test_heat_maps_of_two_models_come_with_their_difference(report):
    table = values.score_table(report.data.scores)
    column = next(c for c in columns(report.data.runs) if c.corrupted)
    first, second, difference = heatmap.maps(column, table)
    assert (first.low, first.high) == (second.low, second.high)
    assert difference.title == "vit_small minus resnet50"
    one = table["resnet50", "imagenet-c", "fog", 3, "error"].value
    other = table["vit_small", "imagenet-c", "fog", 3, "error"].value
    assert first.groups["weather"]["fog"][2].text == f"{100 * one:.1f}"
    assert difference.groups["weather"]["fog"][2].text == values.number(100 * (other - one), signed=True)


def test_heat_map_of_one_model_has_no_difference(one_model):
    column = next(c for c in columns(one_model.runs) if c.corrupted)
    assert len(heatmap.maps(column, values.score_table(one_model.scores))) == 1


@pytest.mark.parametrize("scale", [heatmap.SEQUENTIAL, heatmap.DIVERGING])
def test_text_in_heat_maps_is_readable(scale):
    for step in range(101):
        background, colour = figure.shade(step / 100, scale)
        darker, lighter = sorted([figure.luminance(background), figure.luminance(colour)])
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_curves_start_at_the_clean_images(report):
    table = values.score_table(report.data.scores)
    entry = next(e for e in label_runs(report.data.runs) if e.suite == "imagenet-c")
    points = severity_curves.curve(entry, "fog", table)
    assert list(points) == [0, 1, 2, 3, 4, 5]
    assert points[0] == 100 * table[entry.model, "imagenet-c", "clean", 0, "top1_accuracy"].value


def test_a_corruption_with_only_its_clean_point_has_no_panel(build):
    data = collect([build(suite="few", leave_out=[Condition("fog", severity) for severity in range(1, 6)]).folder])
    [column] = columns(data.runs)
    assert list(severity_curves.curves(column, values.score_table(data.scores))) == ["shot_noise", "contrast"]


def test_lines_differ_in_more_than_colour():
    styles = [severity_curves.line_style(place) for place in range(6)]
    for one, other in pairwise(styles):
        assert all(one[key] != other[key] for key in ("color", "marker", "linestyle"))


def test_figures_carry_no_date_and_no_address(report):
    figures = re.findall(r"<svg.*?</svg>", report.html, flags=re.DOTALL)
    assert len(figures) >= report.html.count('<div class="plot"') >= 3
    assert all(re.match(r"<svg [^>]*max-width:[\d.]+in", drawn) for drawn in figures)
    assert not any("http" in drawn or "<metadata" in drawn for drawn in figures)


def test_samples_are_shown_once_for_all_models(report):
    html = SECTIONS["samples"].render(report.data)
    assert html.count("<img") == 75 + 3
    assert html.count("data:image/webp;base64,") == 75 + 3


def test_samples_of_other_data_are_shown_too(build):
    root = build("a", "imagenet", samples=True).folder.parent
    build("b", "imagenet", samples=True, data_fingerprint="e" * 64)
    assert len(samples.once(collect([root]).runs)) == 2


def test_samples_are_left_out_where_there_are_none(build):
    assert SECTIONS["samples"].render(collect([build(suite="imagenet").folder])) == ""


def test_protocol_tells_identity_and_provenance(report):
    html = SECTIONS["protocol"].render(report.data)
    text = text_of(html)
    for run in report.data.runs:
        assert run.identity.weights_sha256[:8] in text
        assert f'title="{run.identity.weights_sha256}"' in html
    for wanted in ("float32", "generated:robustbench_cls", "versions: torch 2.6.0", "synthetic answers; for tests"):
        assert wanted in text


def test_protocol_says_what_models_do_not_share(build):
    run = build("a", "imagenet")
    build("b", "imagenet", protocol=replace(run.identity.protocol, crop=288), provenance={"recipe": "augmix"})
    text = text_of(SECTIONS["protocol"].render(collect([run.folder.parent])))
    assert "crop 224 288" in text
    assert f"recipe {values.ABSENT} augmix" in text


def test_provenance_never_hides_the_identity(build):
    run = build(suite="imagenet", provenance={"weights": "best.pt", "recipe": "", "tags": []})
    text = text_of(SECTIONS["protocol"].render(collect([run.folder])))
    assert f"weights {run.identity.weights_sha256[:8]}" in text
    assert "weights, as given best.pt recipe none tags none" in text


def test_links_in_provenance_are_links_only_to_the_web(build):
    told = {"source": "https://example.org/paper", "bad": "javascript:alert(1)"}
    html = SECTIONS["protocol"].render(collect([build(suite="imagenet", provenance=told).folder]))
    assert re.findall(r'href="([^"]*)"', html) == ["https://example.org/paper"]


def test_notes_are_listed(one_model):
    assert "<li>a note</li>" in SECTIONS["notes"].render(one_model)


def test_calibration_shows_means_over_corruptions_and_conditions(report):
    table = values.score_table(report.data.scores)
    shown = {
        c.label: [(m.metric.name, m.condition) for m in calibration.measures(c, table)]
        for c in columns(report.data.runs)
    }
    assert shown["imagenet-c"] == [("mean_nll", "all"), ("mean_ece", "all")]
    assert shown["imagenet"] == [(name, "clean") for name in calibration.SHOWN]
    html = SECTIONS["calibration"].render(report.data)
    wanted = table["vit_small", "imagenet-c", "all", 0, "mean_nll"]
    assert f">{wanted.value:.3f}<" in html
    suite = next(c for c in columns(report.data.runs) if c.corrupted)
    assert list(calibration.diagrams(suite)) == ["imagenet-c: all conditions"]  # 40 clean images fill no bin
    assert "imagenet-c: all conditions" in text_of(html)


def test_reliability_by_hand():
    confidence = np.repeat([0.05, 0.95, 0.98, 0.5], [20, 10, 10, calibration.FEWEST - 1]).astype(np.float32)[None]
    correct = np.arange(confidence.size)[None] % 2 == 0
    clean = (Condition("clean"),)
    predictions = Predictions(clean, ("",) * confidence.size, {"confidence": confidence, "correct": correct}, False)
    low, high = calibration.reliability(predictions)
    assert low == pytest.approx((5, 50), abs=1e-4)
    assert high == pytest.approx((96.5, 50), abs=1e-4)


def test_classes_are_named_and_ordered(build):
    run = build(suite="imagenet", class_names=tuple(f"name {i}" for i in range(1000)))
    lowest, pairs = classes.tables(run)
    accuracies = [float(row.accuracy) for row in lowest]
    assert accuracies == sorted(accuracies) and lowest[0].name.startswith("name ")
    frame = run.read(Condition("clean"))
    wrong = frame[~frame.correct]
    assert {(row.name, row.answer) for row in pairs} <= {
        (f"name {a}", f"name {b}") for a, b in zip(wrong.label, wrong.prediction, strict=True)
    }
    assert pairs[0].share == "100.0"
    assert classes.tables(build(suite="imagenet"))[0][0].name.startswith("class ")


def test_shape_bias_bars_are_of_the_stored_answers(report):
    column = next(c for c in columns(report.data.runs) if c.label == "cue-conflict")
    counts = shape_bias.counts(column)["resnet50"]
    run = column.runs[0].run
    frame = run.read(run.conditions[0])
    assert int(counts["shape"].sum()) == int(frame.correct.sum())
    assert int(counts.to_numpy().sum()) == len(frame)  # wrong answers are all by texture there
    text = text_of(SECTIONS["shape_bias"].render(report.data))
    share = 100 * frame.correct.mean()
    assert f"resnet50 {share:.1f} % [" in text
