"""Categories made of a head's classes, against the published rule and on stored runs."""

import csv
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch

from robustbench_cls import EvaluationOptions, evaluate, load_classifier, write_report
from robustbench_cls.core.answers import Answers
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.run import names_sha256
from robustbench_cls.data.label_spaces import imagenet_1k
from robustbench_cls.evaluation.loop import answer_logits
from robustbench_cls.metrics.scoring import score, shown
from robustbench_cls.metrics.shape_bias import CATEGORIES, decisions_of, shape_bias
from robustbench_cls.models.classifier import Classifier
from robustbench_cls.suites.cue_conflict import SUITE


def test_categories_are_the_published_ones(shared: Path) -> None:
    with (shared / "facts/cue_conflict_16_classes.csv").open() as file:
        rows = list(csv.DictReader(file))
    listed = [(row["category"], row["wnid"]) for row in rows]
    assert [(name, own) for name, members in SUITE.label_space.categories for own in members] == listed
    assert all(imagenet_1k()[int(row["imagenet_index"])] == row["wnid"] for row in rows)


def test_categories_stand_in_the_order_of_the_metric() -> None:
    assert tuple(name for name, _ in SUITE.label_space.categories) == CATEGORIES
    assert sum(len(members) for _, members in SUITE.label_space.categories) == 207


def test_a_category_has_the_mean_probability_of_its_classes() -> None:
    logits_BC = 4 * torch.randn(50, 30, generator=torch.Generator().manual_seed(0))
    groups = ((0, 5, 7), (2,), (3, 4, 11, 12, 13, 14))
    members = [torch.tensor(group) for group in groups]
    means_BK = torch.stack([logits_BC.softmax(dim=1)[:, own].mean(dim=1) for own in members], dim=1)
    found_BK = answer_logits(logits_BC, Answers(("a", "b", "c"), groups, tuple(map(str, range(30))), categories=True))
    assert torch.equal(found_BK.argmax(dim=1), means_BK.argmax(dim=1))
    torch.testing.assert_close(found_BK.softmax(dim=1), means_BK / means_BK.sum(dim=1, keepdim=True))
    sums_BK = torch.stack([logits_BC.softmax(dim=1)[:, own].sum(dim=1) for own in members], dim=1)
    assert not torch.equal(sums_BK.argmax(dim=1), means_BK.argmax(dim=1))


@pytest.fixture
def stimuli(make_folder: Callable[..., Path], tmp_path: Path) -> Path:
    """One drawn picture for each pair of a category and the next but one."""
    root = make_folder(tmp_path / "drawn", classes=CATEGORIES, count=1)
    for path in list(root.rglob("*.*")):
        shape = path.parent.name
        texture = CATEGORIES[(CATEGORIES.index(shape) + 2) % len(CATEGORIES)]
        path.rename(path.with_name(f"{shape}1-{texture}2{path.suffix}"))
    return root


DOG = imagenet_1k().index(dict(SUITE.label_space.categories)["dog"][3])


class AlwaysADog(torch.nn.Module):
    def forward(self, images_B3HW: torch.Tensor) -> torch.Tensor:
        logits_BC = torch.zeros(len(images_B3HW), 1000)
        logits_BC[:, DOG] = 20
        return logits_BC


@pytest.fixture
def classifier(tmp_path: Path) -> Classifier:
    torch.save(timm.create_model("test_resnet", num_classes=1000).state_dict(), tmp_path / "weights.pth")
    loaded = load_classifier("test_resnet", weights=tmp_path / "weights.pth", device="cpu", backend="torch")
    return replace(loaded, network=AlwaysADog(), forward=None, tensors_sha256="")


def test_from_stimuli_to_shape_bias(stimuli: Path, classifier: Classifier, tmp_path: Path) -> None:
    settings = EvaluationOptions(data=stimuli, out=tmp_path / "out", workers=0, progress=False, crops=None)
    (run,) = evaluate(classifier, "cue-conflict", settings)
    assert (run.identity.label_space, run.class_names) == ("16 categories", CATEGORIES)
    assert run.identity.classes_sha256 == names_sha256(imagenet_1k())
    decisions = decisions_of(run.predictions())
    assert set(decisions["decision"]) == {"dog"} and len(decisions) == 16
    bias = shown(run.suite.measures, score("m", "s", run.predictions(), run.suite.measures)[0])[0]
    assert bias.metric == "shape_bias"
    assert bias.value == shape_bias(decisions) == 0.5  # one picture has the shape of a dog, another its texture
    columns = run.predictions().columns
    assert set(columns["head_prediction"].ravel()) == {DOG}
    assert columns["head_correct"].sum() == 1  # the picture with the shape of a dog
    page = write_report(tmp_path / "out", tmp_path / "page.html").read_text()
    assert f"{run.identity.model} 50.0 % [" in re.sub(r"\s+", " ", page)


def test_hard_images_are_not_suspected(
    stimuli: Path, classifier: Classifier, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(classifier, "cue-conflict", EvaluationOptions(data=stimuli, out=tmp_path / "out", workers=0, crops=None))
    assert "by guessing" not in capsys.readouterr().err


def test_a_head_without_the_classes_is_refused(stimuli: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    classifier = load_classifier(toy_checkpoint, device="cpu")
    with pytest.raises(UserError, match=r"made of 207 classes of ImageNet; .* lacks 207 of them, n02690373 among them"):
        evaluate(classifier, "cue-conflict", EvaluationOptions(data=stimuli, out=tmp_path / "out", crops=None))


def test_other_members_of_a_category_make_another_run(stimuli: Path, classifier: Classifier, tmp_path: Path) -> None:
    options = EvaluationOptions(data=stimuli, out=tmp_path / "out", workers=0, progress=False, crops=None)
    (run,) = evaluate(classifier, SUITE, options)
    categories = tuple((name, own[:-1] or own) for name, own in SUITE.label_space.categories)
    edited = replace(SUITE, label_space=replace(SUITE.label_space, categories=categories))
    with pytest.raises(UserError, match="classes of the categories: "):
        evaluate(classifier, edited, options)
    (other,) = evaluate(classifier, edited, replace(options, out=tmp_path / "other"))
    assert other.identity.digest() != run.identity.digest()


def test_kept_logits_are_of_the_head(stimuli: Path, classifier: Classifier, tmp_path: Path) -> None:
    options = EvaluationOptions(data=stimuli, out=tmp_path, workers=0, progress=False, crops=None, keep_logits=True)
    (run,) = evaluate(classifier, SUITE, options)
    logits = run.read_table(run.path(run.conditions[0]))["logits"]
    assert len(logits[0].as_py()) == 1000 and logits[0].as_py()[DOG] == 20
