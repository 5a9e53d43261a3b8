"""Suites in `.py` files of the user's own, from evaluation to page, without a change to the package."""

import csv
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
import timm
import torch

from robustbench_cls import EvaluationOptions, evaluate, load_classifier, write_report
from robustbench_cls.core import discovery
from robustbench_cls.core.discovery import take_in
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.origin import Origin
from robustbench_cls.core.suite import Condition, Measure
from robustbench_cls.data.label_spaces import imagenet_1k, imagenet_subset
from robustbench_cls.models.classifier import Classifier
from robustbench_cls.results.manifest import find_runs
from robustbench_cls.results.store import StoredRun

HEAD = """
from robustbench_cls.core.suite import HEAD, IMAGENET_224, Condition, Measure, Suite, graded

"""

SUBSET = (
    HEAD
    + """
from robustbench_cls.data.label_spaces import imagenet_subset

SUITE = Suite(
    name="my-renditions", version=1, title="Renditions", conditions=(Condition("rendition"),), split="r",
    folder="my-renditions", label_space=imagenet_subset("imagenet-r", "imagenet_r_indices.txt"),
    reference=Condition("clean"), protocol=IMAGENET_224, source="https://arxiv.org/abs/2006.16241",
    measures=(Measure("accuracy_drop", "rendition"), Measure("top1_accuracy", "rendition")),
)
"""
)

CORRUPTIONS = (
    HEAD
    + """
from robustbench_cls.core.corruption import Corruption


def darker(image_HW3, severity, key):
    return image_HW3 // (severity + 1)


def striped(image_HW3, severity, key):
    striped_HW3 = image_HW3.copy()
    striped_HW3[key.integer(1) :: 7 - severity] = 0
    return striped_HW3


def blank(image_HW3, severity, key):
    return image_HW3 * 0


DARKER = Corruption(name="darker", group="", source="https://example.org/darker", apply=darker)
STRIPED = Corruption(name="striped", group="", source="https://example.org/striped", apply=striped)
BLANK = Corruption(name="blank", group="", source="https://example.org/blank", apply=blank)

SUITE = Suite(
    name="my-corruptions", version=1, title="Light and lines",
    conditions=(*graded({"light": ("darker",), "lines": ("striped",)}), *graded({"aside": ("blank",)}, counted=False)),
    split="val", folder="mine", label_space=HEAD, reference=Condition("clean"), protocol=IMAGENET_224,
    source="https://example.org/mine",
)
"""
)

UNLABELLED = (
    HEAD
    + """
SUITE = Suite(
    name="my-pictures", version=1, title="Pictures of anything", conditions=(Condition("pictures"),),
    split="pictures", folder="my-pictures", label_space=HEAD, reference=None, protocol=IMAGENET_224,
    source="https://example.org/pictures", labels="none",
)
"""
)

OWN_METRIC = (
    HEAD
    + """
import numpy as np
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.scopes import CONDITION


def cats(sample):
    return sample.means_of(sample.column("prediction") == 0)[:, 0]


CATS = Metric(
    name="share_of_cats", title="Share of cats", scope=CONDITION, unit="fraction", higher_is_better=True,
    source="https://example.org/cats", compute=cats, phrase="share of pictures taken for cats", needs_labels=False,
)

SUITE = Suite(
    name="my-cats", version=1, title="Cats", conditions=(Condition("stylized"),), split="stylized", folder="mine",
    label_space=HEAD, reference=None, protocol=IMAGENET_224, source="https://example.org/mine",
    measures=(Measure("share_of_cats", "stylized"), Measure("top1_accuracy", "stylized")),
)
"""
)

OF_LABELS = ("accuracy", "error", "ece", "nll", "aurra", "brier", "calibration")


@pytest.fixture
def measured(toy: Path, toy_checkpoint: Path, tmp_path: Path) -> Callable[..., StoredRun]:
    """A function that writes a suite's file, evaluates it by its path, and gives the stored run as it reads again."""

    def measure(code: str, model: Path | Classifier = toy_checkpoint, data: Path = toy) -> StoredRun:
        (tmp_path / "mine.py").write_text(code)
        options = EvaluationOptions(data=data, out=tmp_path / "runs", workers=0, progress=False, crops=None)
        (run,) = evaluate(model, str(tmp_path / "mine.py"), options)
        (again,) = find_runs(tmp_path / "runs")
        assert again.suite == run.suite and again.identity == run.identity
        return again

    return measure


def page_of(run: StoredRun) -> tuple[str, list[dict[str, str]]]:
    """The page's text, without tags and styles, and the rows of the table beside it."""
    page = write_report(run.folder, run.folder.parent / "page.html")
    body = re.sub(r"<style>.*?</style>|<svg.*?</svg>|<[^>]+>", " ", page.read_text(), flags=re.S)
    with page.with_suffix(".csv").open() as file:
        return re.sub(r"\s+", " ", unescape(body)), list(csv.DictReader(file))


def test_a_subset_of_200_classes_without_corruptions(
    measured: Callable[..., StoredRun], make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    torch.save(timm.create_model("test_resnet").state_dict(), tmp_path / "w.pth")
    model = load_classifier("test_resnet", weights=tmp_path / "w.pth", device="cpu", backend="torch")
    inside = imagenet_subset("imagenet-r", "imagenet_r_indices.txt").class_names[:3]
    outside = next(name for name in imagenet_1k() if name not in inside)
    make_folder(tmp_path / "data" / "val", classes=(*inside, outside), count=2)
    make_folder(tmp_path / "data" / "r", classes=inside, count=2)
    run = measured(SUBSET, model, tmp_path / "data")
    assert (run.identity.label_space, len(run.predictions().image_ids)) == ("imagenet-r", 6)
    text, rows = page_of(run)
    assert text.count("Drop from clean accuracy")
    assert run.suite.measures[0] == Measure("accuracy_drop", "rendition")
    assert "the drop from clean accuracy of" in text  # the page's sentence
    assert not {"mce", "mean_corruption_error_unnormalised", "group_error"} & {row["metric"] for row in rows}
    assert "AlexNet" not in text and "Error by corruption" not in text


def test_own_corruptions_in_own_groups(measured: Callable[..., StoredRun], toy_checkpoint: Path) -> None:
    plain = load_classifier(toy_checkpoint, device="cpu", backend="torch")
    run = measured(CORRUPTIONS, replace(plain, name="mine", origin=Origin(recipe="lines", overlaps=("striped",))))
    text, rows = page_of(run)
    value = {(row["metric"], row["condition"], row["severity"]): float(row["value"]) for row in rows}

    def mean(*names: str) -> float:
        own = [value["error", name, str(severity)] for name in names for severity in range(1, 6)]
        return sum(own) / len(own)

    groups = {row["condition"] for row in rows if row["metric"] == "group_error"}
    assert groups == {"light", "lines", "aside"}
    assert value["group_error", "light", "0"] == pytest.approx(mean("darker"))
    assert value["mean_corruption_error_unnormalised", "all", "0"] == pytest.approx(mean("darker", "striped"))
    assert value["held_out_error", "all", "0"] == pytest.approx(mean("darker"))
    assert value["severity_error", "all", "3"] == pytest.approx(
        (value["error", "darker", "3"] + value["error", "striped", "3"]) / 2
    )
    assert "mean corruption error (unnormalised) of" in text
    for word in ("light", "lines", "aside", "Mean of 2", "Mean of 1 held out"):
        assert word in text
    for word in ("AlexNet", "baseline", "Notes"):
        assert word not in text


def test_images_without_labels(measured: Callable[..., StoredRun], toy: Path, tmp_path: Path) -> None:
    (tmp_path / "data" / "pictures").mkdir(parents=True)  # in no class folders
    for path in (toy / "stylized").rglob("*.png"):
        (tmp_path / "data" / "pictures" / f"{path.parent.name}-{path.name}").write_bytes(path.read_bytes())
    run = measured(UNLABELLED, data=tmp_path / "data")
    stored = run.read_table(run.path(run.conditions[0])).column_names
    assert stored == ["image_id", "prediction", "confidence", "head_prediction"]
    text, rows = page_of(run)
    assert {row["metric"] for row in rows} == {"mean_confidence"}
    assert "the mean confidence of" in text
    for word in OF_LABELS:
        assert not re.search(rf"\b{word}\b", text, re.IGNORECASE), word


def test_corrupted_images_without_labels(measured: Callable[..., StoredRun]) -> None:
    code = CORRUPTIONS.replace('reference=Condition("clean")', 'reference=None, labels="none"')
    text, rows = page_of(measured(code))
    assert {row["metric"] for row in rows} == {"mean_confidence", "mean_confidence_corrupted", "flip_consistency"}
    assert "the mean confidence over corruptions of" in text
    for word in OF_LABELS:
        assert not re.search(rf"\b{word}\b", text, re.IGNORECASE), word


def test_one_severity_without_labels_has_a_number_too(measured: Callable[..., StoredRun]) -> None:
    code = CORRUPTIONS.replace('reference=Condition("clean")', 'reference=None, labels="none"')
    run = measured(re.sub(r"conditions=\(.*\),\n", 'conditions=(Condition("darker", 3),),\n', code))
    assert run.suite.measures == (Measure("mean_confidence_corrupted"),)
    assert "the mean confidence over corruptions of" in page_of(run)[0]


def test_a_headline_of_the_users_own_metric(
    measured: Callable[..., StoredRun], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = measured(OWN_METRIC)
    text, rows = page_of(run)
    (own,) = [row for row in rows if row["metric"] == "share_of_cats"]
    assert float(own["value"]) == pytest.approx((run.predictions().columns["prediction"] == 0).mean())
    assert "the share of pictures taken for cats of" in text
    monkeypatch.setattr(discovery, "_taken_in", {})  # as in another process, in which the file is not named
    text, rows = page_of(run)
    assert "the top-1 accuracy of" in text
    assert "the suite is about 'share_of_cats', which no file here computes. Name the file that does: --code" in text
    take_in(tmp_path / "mine.py")
    assert "share of pictures taken for cats" in page_of(run)[0]


def test_an_own_corruption_may_not_take_the_name_of_a_known_one(measured: Callable[..., StoredRun]) -> None:
    with pytest.raises(UserError, match=r"mine\.py and .*fog\.py both define the corruption 'fog'"):
        measured(CORRUPTIONS.replace('"darker"', '"fog"'))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            ("image_HW3 * 0", "image_HW3[:9]"),
            r"'blank' must give uint8 of shape \(72, 64, 3\).* uint8 of shape \(9, 64, 3\)",
        ),
        (("image_HW3 * 0", "image_HW3 / 255"), r"'blank' must give uint8 .* it gave float64 of shape \(72, 64, 3\)"),
        (("image_HW3 * 0", "None"), r"'blank' must give uint8 .* it gave NoneType"),
        (
            ("image_HW3 * 0", "__import__('numpy').random.default_rng().permutation(image_HW3)"),
            "'blank' gives other bytes for the same image and key .* Draw random .* from key.generator\\(\\) alone",
        ),
        (
            ("return image_HW3 * 0", "image_HW3 *= 0\n    return image_HW3.copy()"),
            "'blank' changes the image that it is given. Let it work on a copy.",
        ),
        (
            ('version=1, title="Light', 'version="1", title="Light'),
            r"mine\.py, Suite 'my-corruptions': version can't be '1'\. Expected `int`",
        ),
        (
            ("conditions=(", 'conditions=(Condition("fog", 1, "air"), Condition("fog", 2, "sea"), '),
            "'my-corruptions': fog-1 and fog-2 differ in `group` or `counted`. Give all severities of fog the same",
        ),
        (
            ("conditions=(", 'conditions=(Condition("fog", 1), Condition("fog", 2, counted=False), '),
            "'my-corruptions': fog-1 and fog-2 differ in `group` or `counted`",
        ),
    ],
)
def test_own_corruptions_and_suites_that_are_none(
    change: tuple[str, str], why: str, measured: Callable[..., StoredRun]
) -> None:
    assert change[0] in CORRUPTIONS
    with pytest.raises(UserError, match=why):
        measured(CORRUPTIONS.replace(*change))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("[:, 0]", "[:3, 0]"), r"'share_of_cats' must give 2001 numbers, .* it gave values of shape \(3,\)"),
        (("[:, 0]", "[:, 0] * np.nan"), "'share_of_cats' must give 2001 numbers, .* it gave NaN"),
        (("[:, 0]", "[:, 0] - 2"), "'share_of_cats' has the unit 'fraction', so its numbers must be 0 to 1; one is -2"),
        (("[:, 0]", "[:, 0] + 2"), "'share_of_cats' has the unit 'fraction', so its numbers must be 0 to 1; one is "),
        (("scope=CONDITION", "scope='condition'"), "'share_of_cats': scope must be one of robustbench_cls.core.scopes"),
        (('unit="fraction"', 'unit="cats"'), "'share_of_cats': unit must be one of fraction, .* got 'cats'"),
    ],
)
def test_own_metrics_that_are_none(change: tuple[str, str], why: str, measured: Callable[..., StoredRun]) -> None:
    assert change[0] in OWN_METRIC
    with pytest.raises(UserError, match=why):
        page_of(measured(OWN_METRIC.replace(*change)))


def test_an_edited_corruption_is_another_run_and_edited_measures_are_not(measured: Callable[..., StoredRun]) -> None:
    first = measured(CORRUPTIONS)
    assert first.identity.corruptions_sha256
    stored = {path.name: path.stat().st_mtime_ns for path in first.folder.glob("*.parquet")}
    asks = CORRUPTIONS.replace(
        'reference=Condition("clean")', 'reference=Condition("clean"), measures=(Measure("ce", "darker"),)'
    )
    again = measured(f"# an edit of something else\n{asks}")
    assert again.identity == first.identity and again.suite.measures == (Measure("ce", "darker"),)
    assert {path.name: path.stat().st_mtime_ns for path in again.folder.glob("*.parquet")} == stored
    with pytest.raises(
        UserError, match=r"my-corruptions holds another run \(the user's own corruptions: \w{8} != \w{8}\)"
    ):
        measured(CORRUPTIONS.replace("(severity + 1)", "(severity + 2)"))


BAND = """

def band(image_HW3, severity, key):
    banded_HW3 = image_HW3.copy()
    banded_HW3[: severity * image_HW3.shape[0] // 500 * 10] = FILL
    return banded_HW3

FILL = 0
BAND = Corruption(name="band", group="", source="https://example.org/band", apply=band)
"""


def test_an_edit_that_no_known_picture_shows_is_another_run(measured: Callable[..., StoredRun]) -> None:
    code = CORRUPTIONS.replace("SUITE = Suite(", BAND + "SUITE = Suite(").replace(
        '"lines": ("striped",)', '"lines": ("band",)'
    )
    measured(code)
    measured(f"# a word on it\n{code}")
    with pytest.raises(UserError, match="holds another run .the user's own corruptions: "):
        measured(code.replace("FILL = 0", "FILL = 255"))


def test_a_suite_can_not_choose_what_is_fixed(measured: Callable[..., StoredRun]) -> None:
    for change in ("jpeg_quality=20", 'decoder="turbo"', 'images="mine"'):
        code = CORRUPTIONS.replace(
            "protocol=IMAGENET_224", f"protocol=__import__('dataclasses').replace(IMAGENET_224, {change})"
        )
        with pytest.raises(UserError, match="of its protocol, only resize, crop and interpolation can be chosen"):
            measured(code)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            ("return sample.means_of(", "sample.predictions.columns['correct'][:] = True\n    return sample.means_of("),
            "read-only",
        ),
        (
            ('return sample.means_of(sample.column("prediction") == 0)[:, 0]', "return np.random.rand(2001)"),
            "Metric 'share_of_cats' gives other numbers when it is computed again. It must not be random.",
        ),
    ],
)
def test_own_metrics_can_not_falsify(change: tuple[str, str], why: str, measured: Callable[..., StoredRun]) -> None:
    assert change[0] in OWN_METRIC
    with pytest.raises((UserError, ValueError), match=why):
        page_of(measured(OWN_METRIC.replace(*change)))


def test_lists_are_as_good_as_tuples(measured: Callable[..., StoredRun]) -> None:
    run = measured(OWN_METRIC.replace('(Condition("stylized"),)', '[Condition("stylized")]'))
    assert run.conditions == (Condition("stylized"),)
