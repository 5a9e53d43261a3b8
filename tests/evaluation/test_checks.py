from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from robustbench_cls import EvaluationOptions, evaluate, load_classifier
from robustbench_cls.evaluation.checks import BY_CHANCE, _by_guessing
from robustbench_cls.models.classifier import Classifier


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
    from dataclasses import replace

    return replace(load_classifier(checkpoint, device="cpu"), network=Brightest(shift), forward=None)


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
    assert "0 of 20 images of" in told and "its classes may stand in another order" in told
    measured(classifier(toy_checkpoint, 1), colours, tmp_path / "out")  # said once, at the beginning
    assert capsys.readouterr().err == ""


def test_images_stored_in_0_to_1_are_noticed(
    colours: Path, toy_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in colours.rglob("*.png"):
        Image.fromarray(np.asarray(Image.open(path)) // 128).save(path)
    measured(classifier(toy_checkpoint, 0), colours, tmp_path / "out")
    assert "no value of 20 images is over 1, of 255" in capsys.readouterr().err


def test_what_guessing_reaches() -> None:
    assert _by_guessing(0, 200, 1000) == pytest.approx(1)
    assert _by_guessing(3, 200, 1000) > BY_CHANCE > _by_guessing(4, 200, 1000)
    assert _by_guessing(5, 10, 2) == pytest.approx(0.623, abs=1e-3)
