from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from robustbench_cls import EvaluationOptions, evaluate, load_classifier
from robustbench_cls.core.origin import Origin
from robustbench_cls.core.suite import Condition
from robustbench_cls.evaluation.checks import BY_CHANCE, at_least, could_tell
from robustbench_cls.models.classifier import Classifier
from robustbench_cls.suites.imagenet_c import SUITE as IMAGENET_C


def measured(classifier: Classifier, data: Path, out: Path) -> None:
    evaluate(classifier, "imagenet", EvaluationOptions(data=data, out=out, progress=False, crops=None))


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    """30 images of each of three classes, told apart by their brightest channel."""
    for label, name in enumerate(("cat", "dog", "owl")):
        (tmp_path / "val" / name).mkdir(parents=True)
        for i in range(30):
            image_HW3 = np.zeros((32, 32, 3), np.uint8)
            image_HW3[..., label] = 100 + i
            Image.fromarray(image_HW3).save(tmp_path / "val" / name / f"{i}.png")
    return tmp_path


class Brightest(torch.nn.Module):
    def __init__(self, shift: int) -> None:
        super().__init__()
        self.shift = shift

    def forward(self, images_B3HW: torch.Tensor) -> torch.Tensor:
        return images_B3HW.mean(dim=(2, 3)).roll(self.shift, dims=1)


def classifier(checkpoint: Path, shift: int) -> Classifier:
    return replace(
        load_classifier(checkpoint, device="cpu"),
        network=Brightest(shift),
        forward=None,
        origin=Origin(),
        tensors_sha256="",
    )


def test_a_model_that_answers_rightly_is_not_warned_of(
    colours: Path, toy_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(classifier(toy_checkpoint, 0), colours, tmp_path / "out")
    assert capsys.readouterr().err == ""


def test_classes_in_another_order_are_suspected(
    colours: Path, toy_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(classifier(toy_checkpoint, 1), colours, tmp_path / "out")
    told = capsys.readouterr().err
    assert "Accuracy is 0.0 % on 90 images of" in told
    assert "chance is 33.3 %. Check class order (--class-names) or preprocessing." in told
    measured(classifier(toy_checkpoint, 1), colours, tmp_path / "out")  # said once, at the beginning
    assert capsys.readouterr().err == ""


def test_images_stored_in_0_to_1_are_noticed(
    colours: Path, toy_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in colours.rglob("*.png"):
        Image.fromarray(np.asarray(Image.open(path)) // 128).save(path)
    measured(classifier(toy_checkpoint, 0), colours, tmp_path / "out")
    assert "no value of 90 images is over 1, of 255" in capsys.readouterr().err


def test_a_model_trained_here_is_not_suspected_of_another_order(
    colours: Path, toy_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = replace(classifier(toy_checkpoint, 1), origin=Origin(recipe="cutmix"))
    measured(trained, colours, tmp_path / "out")
    told = capsys.readouterr().err
    assert "chance is 33.3 %. Its training may have gone wrong." in told and "order" not in told


def test_the_model_is_looked_at_once_and_not_for_each_suite(
    colours: Path, toy_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = replace(IMAGENET_C, conditions=(Condition("contrast", 1),))
    options = EvaluationOptions(data=colours, out=tmp_path / "out", progress=False, crops=None)
    evaluate(classifier(toy_checkpoint, 1), ["imagenet", few], options)
    assert capsys.readouterr().err.count("chance is") == 1


def test_what_guessing_reaches() -> None:
    assert at_least(0, 200, 1 / 1000) == pytest.approx(1)
    assert at_least(5, 10, 1 / 2) == pytest.approx(0.623, abs=1e-3)
    # 17.8 % where chance is 10 % is no guessing
    assert at_least(36, 200, 1 / 10) < BY_CHANCE


def test_no_model_is_suspected_where_too_few_images_could_tell() -> None:
    assert not could_tell(20, 1 / 2) and could_tell(200, 1 / 2)
    assert could_tell(20, 1 / 10) and could_tell(20, 1 / 1000)
    # of models that are right in 80 % of cases among two classes, none in a thousand is suspected
    fewest = next(k for k in range(201) if at_least(k, 200, 1 / 2) < BY_CHANCE)
    assert 1 - at_least(fewest, 200, 0.8) < 0.001
