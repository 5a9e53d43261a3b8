import numpy as np
import pandas as pd
import pytest
import torch

from robustbench_cls.core.answers import Answers
from robustbench_cls.core.predictions import COLUMNS, UNLABELLED
from robustbench_cls.evaluation.loop import columns


def classes(head: int, *allowed: int) -> Answers:
    """Answers that are classes of a head, all of them where none are named."""
    numbers = allowed or range(head)
    return Answers(tuple(map(str, numbers)), tuple((number,) for number in numbers), tuple(map(str, range(head))))


def test_categories_are_answered_and_the_head_is_kept() -> None:
    answers = Answers(("dog", "cat"), ((0, 1), (2,)), ("poodle", "pug", "siamese", "car"), categories=True)
    logits_BC = torch.tensor([[2.0, 2.0, 2.5, 9.0], [0.0, 5.0, 1.0, 0.0]])
    found = columns(logits_BC, torch.tensor([1, 0]), ("a", "b"), answers)
    assert list(found["prediction"]) == [1, 0] and list(found["correct"]) == [True, True]
    assert list(found["head_prediction"]) == [3, 1]
    assert list(found["head_correct"]) == [False, True]  # a car is no cat; a pug is a dog
    means_BK = torch.stack([logits_BC.softmax(1)[:, :2].mean(1), logits_BC.softmax(1)[:, 2]], dim=1)
    share_B = (means_BK / means_BK.sum(1, keepdim=True)).max(1).values
    assert np.allclose(found["confidence"], share_B, atol=1e-6)


def test_images_without_labels_have_no_columns_about_right_and_wrong() -> None:
    found = columns(torch.randn(3, 4), None, ("a", "b", "c"), classes(4))
    assert set(found) == set(UNLABELLED)


def test_a_uniform_model_answers_with_confidence_one_in_k() -> None:
    frame = pd.DataFrame(columns(torch.zeros(1, 8), torch.tensor([3]), ("a",), classes(8)))
    assert frame["confidence"][0] == pytest.approx(1 / 8)
    assert frame["nll"][0] == pytest.approx(np.log(8))
    assert frame["brier"][0] == pytest.approx(7 / 8)
    assert set(frame.columns) == set(COLUMNS)


def test_restricted_before_softmax_and_argmax() -> None:
    logits = torch.tensor([[9.0, 1.0, 0.0, 2.0]])
    frame = columns(logits, torch.tensor([3]), ("a",), classes(4, 1, 3))
    assert frame["prediction"][0] == 3
    assert frame["correct"][0]
    assert frame["head_prediction"][0] == 0
    assert not frame["head_correct"][0]
    assert frame["confidence"][0] == pytest.approx(1 / (1 + np.exp(-1)))


def test_against_torch_over_random_logits() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(50, 20, generator=generator)
    labels = torch.randint(0, 20, (50,), generator=generator)
    frame = columns(logits, labels, tuple(map(str, range(50))), classes(20))
    nll = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    assert np.allclose(frame["nll"], nll, atol=1e-5)
    onehot = torch.nn.functional.one_hot(labels, 20)
    assert np.allclose(frame["brier"], (logits.softmax(1) - onehot).square().sum(1), atol=1e-5)
    ranks = (logits > logits.gather(1, labels[:, None])).sum(1)
    assert (frame["top5"] == (ranks < 5).numpy()).all()
    assert (frame["correct"] == (ranks == 0).numpy()).all()


def test_two_classes_have_a_top5() -> None:
    assert columns(torch.randn(3, 2), torch.tensor([0, 1, 1]), ("a", "b", "c"), classes(2))["top5"].all()
