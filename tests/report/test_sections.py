"""Contracts over every section, then each section's own."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from stored_runs import suite_named

from robustbench_cls.core.discovery import discover
from robustbench_cls.core.origin import Origin
from robustbench_cls.core.predictions import Predictions
from robustbench_cls.core.run import Circumstances
from robustbench_cls.core.scopes import CONDITION
from robustbench_cls.core.suite import Condition, Measure
from robustbench_cls.metrics.scoring import all_metrics
from robustbench_cls.report import figure, values
from robustbench_cls.report.block import block, cells
from robustbench_cls.report.collect import collect
from robustbench_cls.report.paired import Paired
from robustbench_cls.report.section import ReportData, Section
from robustbench_cls.report.sections import (
    calibration,
    classes,
    corruptions,
    heatmap,
    samples,
    severity_curves,
    summary,
)
from robustbench_cls.report.values import OVERLAP, PARTIAL

SECTIONS = discover("robustbench_cls.report.sections", Section)
OF_SEVERAL_MODELS = ("effective_robustness", "seeds")
OF_STIMULI = ("shape_bias",)
EMPTY = ReportData((), (), (), (), {}, Paired({}), ())
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
def one_model(results):
    return replace(collect([results / "resnet50"]), notes=("a note",))


@pytest.fixture
def hostile(build):
    origin, told = Origin(HOSTILE, settings={HOSTILE: HOSTILE}), Circumstances(versions={HOSTILE: HOSTILE})
    missing = [Condition("fog", 2)]
    run = build(HOSTILE, "few", samples=True, leave_out=missing, origin=origin, circumstances=told)
    return collect([run.folder])


def column_of(data, label):
    return next(column for column in data.columns if column.label == label)


def value_of(data, *key):
    return data.table[key].value


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
    SECTIONS[name].render(replace(one_model, scores=(), table={}, paired=Paired({}), notes=(), looks={}))


def test_tables_have_captions_scopes_and_images_alt_texts(report):
    html = report.html
    assert html.count("<table") == html.count("<caption>") > len(SECTIONS) - 2
    assert all("scope=" in tag for tag in re.findall(r"<th\b[^>]*>", html))
    assert all(re.search(r'alt="[^"]+"', tag) for tag in re.findall(r"<img\b[^>]*>", html))


def test_summary_shows_the_scores(report):
    data, html = report.data, SECTIONS["summary"].render(report.data)
    for column in data.columns:
        asked = [
            m for m in summary.measures(column) if (data.models[0], column.label, m.where, 0, m.metric) in data.table
        ]
        shown = block(column, asked, data)
        assert len(shown.headings) == len(asked)
        for place, measure in enumerate(asked):
            for model, row in shown.rows.items():
                wanted = data.table[model, column.label, measure.where, 0, measure.metric]
                percent = wanted.value * (100 if wanted.unit == "fraction" else 1)
                assert row[place].text == f"{percent:.1f}"
                assert (row[place].n, shown.counts[place]) == (wanted.n, 40)
                assert f">{percent:.1f}<" in html


def test_summary_and_calibration_share_the_measures_of_a_suite_and_the_headline_leads_the_summary(report):
    for column in report.data.columns:
        here, there = summary.measures(column), calibration.shown(column)
        assert here[0] == column.measures[0]
        assert [m for m in column.measures if m in here or m in there] == list(column.measures)
        assert not set(here) & set(there) and there


def test_a_headline_about_calibration_stands_in_the_summary(build):
    measured = replace(suite_named("imagenet"), measures=(Measure("ece", "clean"), Measure("nll", "clean")))
    data = collect([build("a", measured).folder])
    assert [m.metric for m in summary.measures(data.columns[0])] == ["ece"]
    assert [m.metric for m in calibration.shown(data.columns[0])] == ["ece", "nll"]
    assert "ECE" in SECTIONS["summary"].render(data)


def test_summary_never_shows_relative_mce_alone(report):
    column = column_of(report.data, "imagenet-c")
    table = dict(report.data.table)
    del table["resnet50", "imagenet-c", "clean", 0, "top1_accuracy"]
    shown = cells(Measure("relative_mce"), column, replace(report.data, table=table))
    assert shown["resnet50"].text == values.ABSENT
    assert shown["vit_small"].text != values.ABSENT


def test_numbers_of_one_model_are_never_bold(one_model):
    for section in SECTIONS.values():
        html = section.render(one_model)
        assert "<strong" not in html and "In bold" not in html, section.name


def test_numbers_have_a_true_minus_and_no_negative_zero():
    assert values.number(-0.04) == "0.0"
    assert values.number(-3.21) == "\N{MINUS SIGN}3.2"
    assert values.number(3.21, signed=True) == "+3.2"
    assert values.number(0.01, signed=True) == "0.0"
    assert values.number(float("inf")) == "\N{INFINITY}"
    assert values.number(float("-inf")) == "\N{MINUS SIGN}\N{INFINITY}"


def test_counts_are_told_by_their_ends():
    assert values.ends([40, 50_000, 200]) == "40 to 50\N{NO-BREAK SPACE}000"
    assert values.ends({40}) == "40"
    assert values.ends(()) == values.ABSENT


def test_summary_marks_partial_numbers(build):
    whole = build("a", "few")
    build("b", "few", leave_out=[Condition("fog", 1)])
    data = collect([whole.folder.parent])
    shown = block(data.columns[0], summary.measures(data.columns[0]), data)
    marked = [PARTIAL in cell.marks for cell in shown.rows["b"]]
    assert marked == [heading.metric.scope is not CONDITION for heading in shown.headings]
    assert True in marked and False in marked
    assert not any(cell.marks for cell in shown.rows["a"])
    count = len(whole.all_conditions)
    assert f"b on imagenet-c: 1 of {count} conditions missing." in SECTIONS["summary"].render(data)


def test_corruptions_mark_numbers_that_wait_for_severities(build):
    data = collect([build("a", "few").folder, build("b", "few", leave_out=[Condition("fog", 1)]).folder])
    built = corruptions.build(data.columns[0], data)
    rows = [row for group in built.groups.values() for row in group] + built.means
    waiting = [row.title for row in rows if all(cell.marks == PARTIAL for cell in row.cells[1])]
    assert waiting == ["fog", "Mean of 3"]
    assert all(cell.text == values.ABSENT for row in rows if row.title in waiting for cell in row.cells[1])
    assert "has to wait for conditions that are not measured yet" in SECTIONS["corruptions"].render(data)


def test_summary_leaves_a_cell_empty_where_a_model_has_no_such_suite(build):
    root = build("a", "imagenet").folder.parent
    build("b", "imagenet-a")
    data = collect([root])
    widths = {column.label: len(summary.measures(column)) for column in data.columns}
    text = text_of(SECTIONS["summary"].render(data))
    assert text.count(values.ABSENT) == widths["imagenet"] + widths["imagenet-a"]


def test_corruptions_show_error_and_ce(report):
    data, column = report.data, column_of(report.data, "imagenet-c")
    built = corruptions.build(column, data)
    assert list(built.groups) == ["noise", "blur", "weather", "digital"]
    assert [metric.name for metric in built.metrics] == ["ce", "corruption_error_unnormalised"]
    row = next(row for row in built.groups["weather"] if row.title == "fog")
    for place, entry in enumerate(column.runs):
        severities = sorted({c.severity for c in column.corrupted})
        errors = [value_of(data, entry.model, "imagenet-c", "fog", severity, "error") for severity in severities]
        ce = value_of(data, entry.model, "imagenet-c", "fog", 0, "ce")
        assert [cell.text for cell in row.cells[place]] == [f"{ce:.1f}", f"{100 * np.mean(errors):.1f}"]
        mce = value_of(data, entry.model, "imagenet-c", "all", 0, "mce")
        mean = value_of(data, entry.model, "imagenet-c", "all", 0, "mean_corruption_error_unnormalised")
        assert [cell.text for cell in built.means[0].cells[place]] == [f"{mce:.1f}", f"{100 * mean:.1f}"]


def test_corruptions_mark_overlaps_and_average_the_held_out(build):
    whole = build("a", "few")
    build("b", "few", origin=Origin(overlaps=("contrast", "fog", "brightness")))
    data = collect([whole.folder.parent])
    (column,) = data.columns
    built = corruptions.build(column, data)
    assert column.contained == {"contrast", "fog"}
    assert built.held_out == ["shot_noise"]
    place = [metric.name for metric in built.metrics].index("corruption_error_unnormalised")

    def marked(model):
        rows = [row for rows in built.groups.values() for row in rows]
        return [row.title for row in rows if OVERLAP in row.cells[model][place].marks]

    assert (marked(0), marked(1)) == ([], ["fog", "contrast"])
    expected = 100 * value_of(data, "b", "imagenet-c", "shot_noise", 0, "corruption_error_unnormalised")
    assert [row.title for row in built.means] == ["Mean of 3", "Mean of 1 held out"]
    over_all, held_out = (row.cells[1][place] for row in built.means)
    assert held_out.text == f"{expected:.1f}"
    assert OVERLAP in over_all.marks and OVERLAP not in held_out.marks
    html = SECTIONS["corruptions"].render(data)
    assert "The augmentation of this model's recipe contains this corruption." in html
    assert OVERLAP in SECTIONS["summary"].render(data)


def test_corruptions_without_baseline_have_no_ce(build):
    data = collect([build(suite="few", imagenet=False).folder])
    assert '<th scope="col">CE</th>' not in SECTIONS["corruptions"].render(data)


def test_heat_maps_of_two_models_come_with_their_difference(report):
    table = report.data.table
    first, second, difference = heatmap.maps(column_of(report.data, "imagenet-c"), table)
    assert (first.low, first.high) == (second.low, second.high)
    assert difference.title == "vit_small minus resnet50"
    one = table["resnet50", "imagenet-c", "fog", 3, "error"].value
    other = table["vit_small", "imagenet-c", "fog", 3, "error"].value
    assert first.groups["weather"]["fog"][2].text == f"{100 * one:.1f}"
    assert difference.groups["weather"]["fog"][2].text == values.number(100 * (other - one), signed=True)


def test_heat_map_of_one_model_has_no_difference(one_model):
    assert len(heatmap.maps(column_of(one_model, "imagenet-c"), one_model.table)) == 1


@pytest.mark.parametrize("scale", [heatmap.SEQUENTIAL, heatmap.DIVERGING])
def test_text_in_heat_maps_is_readable(scale):
    for step in range(101):
        background, colour = figure.shade(step / 100, scale)
        darker, lighter = sorted([figure.luminance(background), figure.luminance(colour)])
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_curves_start_at_the_clean_images(report):
    table = report.data.table
    entry = column_of(report.data, "imagenet-c").runs[0]
    points = severity_curves.curve(entry, "fog", table)
    assert list(points) == [0, 1, 2, 3, 4, 5]
    assert points[0] == 100 * table[entry.model, "imagenet-c", "clean", 0, "top1_accuracy"].value


def test_a_corruption_with_only_its_clean_point_has_no_panel(build):
    data = collect([build(suite="few", leave_out=[Condition("fog", severity) for severity in range(1, 6)]).folder])
    assert list(severity_curves.curves(data.columns[0], data.table)) == ["shot_noise", "contrast"]


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
    every = {c: None for column in report.data.columns for c in (*column.conditions, column.reference) if c}
    alike = [Condition("cue-conflict")]  # drawn like the clean image
    assert html.count("<img") == html.count("data:image/webp;base64,") == len(every) - len(alike)


def test_samples_of_other_data_are_shown_too(build):
    root = build("a", "imagenet", samples=True).folder.parent
    build("b", "imagenet", samples=True, data_fingerprint="e" * 64)
    assert len(samples.once(collect([root]).columns)) == 2


def test_samples_are_left_out_where_there_are_none(build):
    assert SECTIONS["samples"].render(collect([build(suite="imagenet").folder])) == ""


def test_protocol_tells_identity_and_provenance(report):
    html = SECTIONS["protocol"].render(report.data)
    text = text_of(html)
    for entry in report.data.entries:
        weights = entry.run.identity.weights_sha256
        assert weights[:8] in text
        assert f'title="{weights}"' in html
    for wanted in ("float32", "generated:robustbench_cls", "versions: torch 2.6.0", "synthetic answers; for tests"):
        assert wanted in text


def test_protocol_says_what_models_do_not_share(build):
    run = build("a", "imagenet")
    build("b", "imagenet", protocol=replace(run.identity.protocol, crop=288), origin=Origin(recipe="augmix"))
    text = text_of(SECTIONS["protocol"].render(collect([run.folder.parent])))
    assert "crop 224 288" in text
    assert f"recipe {values.ABSENT} augmix" in text


def test_what_is_known_of_a_model_never_hides_the_identity(build):
    run = build(suite="imagenet", origin=Origin(weights="best.pt", settings={"tags": ""}))
    text = text_of(SECTIONS["protocol"].render(collect([run.folder])))
    assert f"weights {run.identity.weights_sha256[:8]}" in text
    assert "weights, as given best.pt settings: tags none" in text
    assert "recipe" not in text


def test_links_are_links_only_to_the_web(build):
    told = Circumstances(data="javascript:alert(1)")
    html = SECTIONS["protocol"].render(collect([build(suite="imagenet", circumstances=told).folder]))
    assert re.findall(r'href="([^"]*)"', html) == [suite_named("imagenet").source]
    assert "javascript:alert(1)" in html


def test_notes_are_listed(one_model):
    assert "<li>a note</li>" in SECTIONS["notes"].render(one_model)


def test_calibration_shows_means_over_corruptions_and_conditions(report):
    data, html = report.data, SECTIONS["calibration"].render(report.data)
    known = all_metrics()
    for column in data.columns:
        shown = calibration.shown(column)
        assert shown == [m for m in column.measures if known[m.metric].theme in calibration.THEMES]
        assert all(column.title(measure) in html for measure in shown)
    wanted = data.table["vit_small", "imagenet-c", "all", 0, "mean_nll"]
    assert f">{wanted.value:.3f}<" in html
    suite = column_of(data, "imagenet-c")
    assert list(calibration.diagrams(suite, data)) == ["imagenet-c: all conditions"]  # 40 clean images fill no bin
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
    (entry,) = (data := collect([run.folder])).entries
    lowest, pairs = data.look(classes.SECTION.name, entry)
    accuracies = [float(row.accuracy) for row in lowest]
    assert accuracies == sorted(accuracies) and lowest[0].name.startswith("name ")
    frame = run.read(Condition("clean"))
    wrong = frame[~frame.correct]
    assert {(row.name, row.answer) for row in pairs} <= {
        (f"name {a}", f"name {b}") for a, b in zip(wrong.label, wrong.prediction, strict=True)
    }
    assert pairs[0].share == "100.0"
    (entry,) = (data := collect([build(suite="imagenet").folder])).entries
    assert data.look(classes.SECTION.name, entry)[0][0].name.startswith("class ")


def test_shape_bias_bars_are_of_the_stored_answers(report):
    entry = column_of(report.data, "cue-conflict").runs[0]
    counts, run = report.data.look("shape_bias", entry), entry.run
    frame = run.read(run.conditions[0])
    assert int(counts["shape"].sum()) == int(frame.correct.sum())
    assert int(counts.to_numpy().sum()) == len(frame)  # wrong answers are all by texture there
    text = text_of(SECTIONS["shape_bias"].render(report.data))
    share = 100 * frame.correct.mean()
    assert f"resnet50 {share:.1f} % [" in text


def test_two_crops_of_the_same_photos_are_told_of_in_a_line(build):
    run = build("a", "few")
    own = replace(run.identity.protocol, resize=248, crop=224, images="stored", jpeg_quality=0)
    build("a", "imagenet", protocol=own)
    notes = collect([run.folder.parent]).notes
    told = [note for note in notes if note.startswith("The clean photos are cut in 2 ways, so clean accuracies differ")]
    assert len(told) == 1 and "resize 248, crop 224 (imagenet)" in told[0] and "(imagenet-c)" in told[0]
