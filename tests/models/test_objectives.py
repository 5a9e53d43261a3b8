"""Objectives against PyTorch's and timm's own losses, and against their definitions written out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from timm.loss import BinaryCrossEntropy, JsdCrossEntropy
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, kl_div, normalize, one_hot

from robustbench_cls.core.errors import UserError
from robustbench_cls.models.classifier import Classifier, Preprocessing
from robustbench_cls.models.load import load_classifier
from robustbench_cls.models.margins import AngularMargin, Centre, Triplet
from robustbench_cls.models.objectives import (
    BinaryLoss,
    ClassWeighted,
    CrossEntropy,
    Distillation,
    Focal,
    JensenShannon,
    NoisyStudent,
    WithFeatures,
)

CLASSES = 5
GREY = Preprocessing(32, 32, "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
OWN = Preprocessing(32, 32, "bilinear", (0.4, 0.5, 0.6), (0.2, 0.3, 0.25))


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    made: nn.Module = timm.create_model("test_vit", num_classes=CLASSES, img_size=32)
    return made.eval()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randn(3, 6, 3, 32, 32, generator=torch.Generator().manual_seed(1))


LABELS = torch.tensor([0, 1, 2, 3, 1, 0])
MIXED = torch.softmax(torch.randn(6, CLASSES, generator=torch.Generator().manual_seed(2)), dim=1)


def logits(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = network(images.flatten(0, 1))
    return found


@pytest.mark.parametrize("targets", [LABELS, MIXED])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_pytorchs_over_all_views(
    network: nn.Module, images: torch.Tensor, targets: torch.Tensor, smoothing: float
) -> None:
    ours = CrossEntropy(smoothing)(network, images, targets)
    theirs = [cross_entropy(network(view), targets, label_smoothing=smoothing) for view in images]
    assert float(ours) == pytest.approx(float(torch.stack(theirs).mean()), abs=1e-6)


def test_binary_loss_is_timms(network: nn.Module, images: torch.Tensor) -> None:
    """For smoothed labels without a threshold, and for mixed targets with one and nothing smoothed."""
    for own, theirs, targets in (
        (BinaryLoss(0.1), BinaryCrossEntropy(0.1), LABELS),
        (BinaryLoss(0.0, 0.2), BinaryCrossEntropy(0.0, 0.2), MIXED),
        (BinaryLoss(0.0, 0.2), BinaryCrossEntropy(0.0, 0.2), LABELS),
    ):
        found = own(network, images[:1], targets)
        assert float(found) == pytest.approx(float(theirs(network(images[0]), targets)), abs=1e-6)
    both = BinaryLoss(0.1, 0.0)(network, images[:1], MIXED.where(MIXED > 0.1, 0.0))
    wanted = (MIXED > 0.1).float() * 0.9 + 0.1 / CLASSES
    expected = binary_cross_entropy_with_logits(network(images[0]), wanted)
    assert float(both) == pytest.approx(float(expected), abs=1e-6)


def test_jensen_shannon_is_timms_and_the_definition(network: nn.Module, images: torch.Tensor) -> None:
    found = logits(network, images)
    ours = JensenShannon(12.0)(network, images, LABELS)
    assert float(ours) == pytest.approx(float(JsdCrossEntropy(3, 12, 0.0)(found, LABELS)), abs=1e-6)
    shares = [view.softmax(dim=1) for view in found.chunk(3)]
    middle = torch.stack(shares).mean(dim=0)
    divergence = torch.stack([(p * (p / middle).log()).sum(dim=1).mean() for p in shares]).mean()
    assert float(ours) == pytest.approx(float(cross_entropy(found[:6], LABELS) + 12 * divergence), abs=1e-5)
    with pytest.raises(UserError, match="takes labels, not mixed targets"):
        JensenShannon()(network, images, MIXED)


def test_focal_weighs_by_the_probability(network: nn.Module, images: torch.Tensor) -> None:
    found = network(images[0])
    right = found.softmax(dim=1)[torch.arange(6), LABELS]
    expected = (-((1 - right) ** 2) * right.log()).mean()
    assert float(Focal(2.0)(network, images[:1], LABELS)) == pytest.approx(float(expected), abs=1e-6)
    plain = CrossEntropy(0.1)(network, images, LABELS)
    assert float(Focal(0.0, 0.1)(network, images, LABELS)) == pytest.approx(float(plain), abs=1e-6)


def test_class_weights_count_each_class_alike(network: nn.Module, images: torch.Tensor) -> None:
    counts = np.array([2, 2, 1, 1, 0])
    one = ClassWeighted.of_counts(counts, 1.0)
    assert float((one.weights_C[:4] * torch.tensor(counts[:4])).std()) < 1e-6
    assert float(one.weights_C[LABELS].mean()) == pytest.approx(1, abs=0.2)
    found = network(images[0])
    expected = (one.weights_C[LABELS] * cross_entropy(found, LABELS, reduction="none")).mean()
    assert float(one(network, images[:1], LABELS)) == pytest.approx(float(expected), abs=1e-6)
    none = ClassWeighted.of_counts([*counts[:4].tolist(), 1], 0.0, 0.1)
    plain = CrossEntropy(0.1)(network, images, MIXED)
    assert float(none(network, images, LABELS)) == pytest.approx(
        float(CrossEntropy(0.1)(network, images, LABELS)), abs=1e-6
    )
    assert plain.isfinite()


def teacher(network: nn.Module, preprocessing: Preprocessing = GREY) -> Classifier:
    names = tuple("abcde")
    return Classifier("teacher", network, names, preprocessing, "", torch.device("cpu"))


def test_distillation_is_its_definition(network: nn.Module, images: torch.Tensor) -> None:
    torch.manual_seed(5)
    student = timm.create_model("test_vit", num_classes=CLASSES, img_size=32).eval()
    batch = images[:1]
    own, told = student(batch[0]), network(batch[0])
    taught = kl_div((own / 3).log_softmax(1), (told / 3).softmax(1), reduction="batchmean")
    expected = 0.4 * cross_entropy(own, LABELS) + 0.6 * 9 * taught
    ours = Distillation(teacher(network), GREY, weight=0.6, temperature=3.0)
    assert float(ours(student, batch, LABELS)) == pytest.approx(float(expected), abs=1e-5)
    hard = replace(ours, hard=True)
    expected = 0.4 * cross_entropy(own, LABELS) + 0.6 * cross_entropy(own, told.argmax(1))
    assert float(hard(student, batch, LABELS)) == pytest.approx(float(expected), abs=1e-5)
    itself = Distillation(teacher(network), GREY, weight=1.0)
    assert float(itself(network, batch, LABELS)) == pytest.approx(0, abs=1e-6)


def test_a_teacher_sees_images_normalised_and_sized_as_it_wants(toy_checkpoint: Path) -> None:
    classifier = load_classifier(toy_checkpoint, device="cpu", backend="torch")
    images_BHW3 = torch.randint(0, 256, (4, 32, 32, 3), dtype=torch.uint8)
    expected = classifier.logits(images_BHW3)
    shown = (images_BHW3.permute(0, 3, 1, 2) / 255 - torch.tensor(OWN.mean).view(1, 3, 1, 1)) / torch.tensor(
        OWN.std
    ).view(1, 3, 1, 1)
    told = Distillation(classifier, OWN).answers(shown)
    assert torch.allclose(told, expected, atol=1e-4)
    assert Distillation(classifier, OWN).answers(torch.randn(2, 3, 48, 48)).shape == (2, 3)


def test_a_noisy_student_learns_from_the_plain_view(network: nn.Module, images: torch.Tensor) -> None:
    torch.manual_seed(6)
    student = timm.create_model("test_vit", num_classes=CLASSES, img_size=32).eval()
    labels = torch.tensor([0, 1, -1, 3, -1, 0])
    told = network(images[0]).softmax(dim=1)
    hot = one_hot(labels.clamp(min=0), CLASSES)
    wanted = torch.where((labels >= 0)[:, None], (hot + told) / 2, told)
    expected = cross_entropy(student(images[1]), wanted)
    ours = NoisyStudent(Distillation(teacher(network), GREY))
    assert float(ours(student, images[:2], labels)) == pytest.approx(float(expected), abs=1e-5)


def features(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = network.forward_head(network.forward_features(images), pre_logits=True)
    return found


@pytest.mark.parametrize("model", ["test_resnet", "test_vit", "test_efficientnet", "test_convnext", "test_mambaout"])
def test_features_and_logits_are_the_networks_own(model: str) -> None:
    own = timm.create_model(model, num_classes=CLASSES).eval()
    images = torch.randn(2, 3, *own.default_cfg["input_size"][1:])
    found, before = WithFeatures(own)(images)
    assert (torch.allclose(found, own(images), atol=1e-5) and before.shape == (2, own.num_features)) or before.ndim == 2


def test_centres_pull_and_follow(network: nn.Module, images: torch.Tensor) -> None:
    ours = Centre(CLASSES, network.num_features, weight=0.1, rate=0.5, smoothing=0.0)
    with torch.no_grad():
        found = features(network, images[0])
        expected = cross_entropy(network(images[0]), LABELS) + 0.05 * found.square().sum(dim=1).mean()
        assert float(ours(WithFeatures(network), images[:1], LABELS)) == pytest.approx(float(expected), rel=1e-5)
        for label in range(CLASSES):
            own = found[label == LABELS]
            moved = 0.5 * own.sum(dim=0) / (1 + len(own))
            assert torch.allclose(ours.centres_CF[label], moved, atol=1e-5)
    assert set(ours.state_dict()) == {"centres_CF"}


def test_triplets_are_the_hardest_of_the_batch(network: nn.Module, images: torch.Tensor) -> None:
    with torch.no_grad():
        found = normalize(features(network, images[0]))
        losses = []
        for i, label in enumerate(LABELS):
            apart = (found - found[i]).norm(dim=1)
            same = [float(apart[j]) for j in range(6) if j != i and LABELS[j] == label]
            other = [float(apart[j]) for j in range(6) if LABELS[j] != label]
            if same:
                losses.append(max(0.0, max(same) - min(other) + 0.3))
        expected = float(cross_entropy(network(images[0]), LABELS)) + 2 * sum(losses) / len(losses)
        ours = Triplet(weight=2.0, margin=0.3, smoothing=0.0)(WithFeatures(network), images[:1], LABELS)
    assert float(ours) == pytest.approx(expected, abs=1e-4)
    alone = Triplet(2.0, 0.3, 0.0)(WithFeatures(network), images[:1], torch.zeros(6, dtype=torch.long))
    assert alone.isfinite()


def test_an_angular_margin_of_nothing_is_a_scaled_cosine(network: nn.Module, images: torch.Tensor) -> None:
    with torch.no_grad():
        cosines = normalize(features(network, images[0])) @ normalize(network.get_classifier().weight).T
        plain = AngularMargin(0.0, 10.0, 0.0)(WithFeatures(network), images[:1], LABELS)
        assert float(plain) == pytest.approx(float(cross_entropy(10 * cosines, LABELS)), abs=1e-4)
        turned = cosines.clone()
        rows = torch.arange(6)
        turned[rows, LABELS] = (cosines[rows, LABELS].acos() + 0.3).cos()
        ours = AngularMargin(0.3, 10.0, 0.0)(WithFeatures(network), images[:1], LABELS)
        assert float(ours) == pytest.approx(float(cross_entropy(10 * turned, LABELS)), abs=1e-4)
    with pytest.raises(UserError, match="take labels, not mixed targets"):
        AngularMargin(0.3, 10.0, 0.0)(WithFeatures(network), images[:1], MIXED)
