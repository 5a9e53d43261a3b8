from dataclasses import replace
from pathlib import Path

import pytest

from robustbench_cls import EvaluationOptions, load_classifier
from robustbench_cls.bench.evaluation import bench_evaluation, load_for_speed
from robustbench_cls.bench.table import evaluation_table
from robustbench_cls.core.suite import Condition
from robustbench_cls.models.options import ModelOptions
from robustbench_cls.suites.imagenet_c import SUITE

FEW = replace(SUITE, conditions=(Condition("contrast", 1), Condition("pixelate", 5)))


def test_an_evaluation_beside_its_parts_and_the_usual_loop(toy: Path, toy_checkpoint: Path) -> None:
    classifier = load_classifier(toy_checkpoint, device="cpu", backend="torch")
    options = EvaluationOptions(data=toy, batch_size=5)
    said: list[str] = []
    measured = bench_evaluation(classifier, FEW, options, 0, classifier, said.append)
    assert (measured.images, measured.conditions, measured.batch_size) == (12, 3, 5)
    spent = (measured.forward, measured.corruption, measured.both, measured.first, *measured.plain)
    assert min(s.wall for s in spent) > 0
    plain_error, our_error, interval = measured.plain_errors
    assert plain_error == our_error and interval == 0  # corruptions without draws: the same pixels, the same answers
    assert len(said) == 9
    text = evaluation_table(measured)
    assert "12 images in each of 3 conditions, batches of 5, 0 threads" in text and "times faster" in text


def test_without_the_usual_loop(toy: Path, toy_checkpoint: Path) -> None:
    classifier = load_classifier(toy_checkpoint, device="cpu", backend="torch")
    measured = bench_evaluation(classifier, FEW, EvaluationOptions(data=toy), 0, None, lambda text: None)
    assert measured.plain == () and "usual loop" not in evaluation_table(measured)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_names_get_random_weights(name: str) -> None:
    classifier = load_for_speed(ModelOptions(name, device="cpu", backend="torch"))
    assert classifier.imagenet and classifier.name == name
