"""The package as it is used from Python: modules of one's own, scores and comparisons as tables, short reprs."""

import re
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from torchvision import transforms
from torchvision.models import ResNet18_Weights
from torchvision.transforms import v2

import robustbench_cls
from robustbench_cls import EvaluationOptions, compare, corrupt, evaluate, load_classifier
from robustbench_cls.core.errors import UserError
from robustbench_cls.models.classifier import Preprocessing
from robustbench_cls.models.transforms import read_transform
from robustbench_cls.results.store import StoredRun

NORMAL = {"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)}
STEPS = [transforms.Resize(36), transforms.CenterCrop(32), transforms.ToTensor(), transforms.Normalize(**NORMAL)]


@pytest.fixture
def options(toy: Path, tmp_path: Path) -> EvaluationOptions:
    return EvaluationOptions(data=toy, out=tmp_path / "out", workers=0, progress=False, crops=None)


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return timm.create_model("test_resnet", num_classes=3)


def test_a_module_with_its_transform_and_classes(options: EvaluationOptions) -> None:
    names = ("cat", "dog", "owl")
    (run,) = evaluate(network(), "imagenet", options, transform=transforms.Compose(STEPS), class_names=names)
    assert (run.identity.model, run.identity.backend, run.class_names) == ("ResNet", "torch", names)
    assert (run.identity.protocol.resize, run.identity.protocol.crop) == (36, 32)
    table = run.scores()
    assert {"metric", "value", "low", "high", "n"} <= set(table.columns)
    accuracy = table[table.metric == "top1_accuracy"].value.item()
    assert accuracy == pytest.approx(run.predictions().columns["correct"].mean())


def test_a_module_without_class_names(options: EvaluationOptions) -> None:
    with pytest.raises(UserError, match="ResNet has 3 outputs, which is no ImageNet head"):
        evaluate(network(), "imagenet", options, transform=transforms.Compose(STEPS))
    with pytest.raises(UserError, match="transform and class_names go with a module"):
        evaluate("test_resnet", "imagenet", options, class_names=("a", "b"))


def test_a_module_that_stays_in_training_mode(options: EvaluationOptions) -> None:
    class Stubborn(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.drop = torch.nn.Dropout(0.5)
            self.head = torch.nn.Linear(3 * 32 * 32, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.head(torch.nn.functional.dropout(images.flatten(1), 0.5, training=True))

    with pytest.raises(UserError, match="Stubborn gives other logits for the same photos when it is asked again"):
        evaluate(Stubborn(), "imagenet", options, transform=transforms.Compose(STEPS), class_names=tuple("abc"))


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (transforms.Compose(STEPS), Preprocessing(32, 36, "bilinear", NORMAL["mean"], NORMAL["std"])),
        (
            v2.Compose(
                [
                    v2.ToImage(),
                    v2.Resize([36], interpolation=v2.InterpolationMode.BICUBIC),
                    v2.CenterCrop((32, 32)),
                    v2.ToDtype(torch.float32, scale=True),
                    v2.Normalize(**NORMAL),
                ]
            ),
            Preprocessing(32, 36, "bicubic", NORMAL["mean"], NORMAL["std"]),
        ),
        (
            ResNet18_Weights.IMAGENET1K_V1.transforms(),
            Preprocessing(224, 256, "bilinear", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ),
        (
            timm.data.create_transform(224, crop_pct=0.875, interpolation="bicubic"),
            Preprocessing(224, 256, "bicubic", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ),
    ],
    ids=["torchvision", "v2", "weights", "timm"],
)
def test_transforms_that_are_understood(transform: object, expected: Preprocessing) -> None:
    assert read_transform(transform) == expected


@pytest.mark.parametrize(
    ("transform", "why"),
    [
        (transforms.Compose([transforms.Grayscale(3), *STEPS]), "has the step Grayscale"),
        (transforms.Compose([transforms.Resize((32, 32)), *STEPS[1:]]), "The transform resizes to"),
        (transforms.Compose(STEPS[:1] + STEPS[2:]), "lacks CenterCrop"),
        (transforms.Compose([*STEPS[:2], STEPS[3]]), "lacks ToTensor"),
        (transforms.Compose([*STEPS[:3], transforms.Normalize([0.5], [0.5])]), "mean and std have 1 and 1 values"),
        (transforms.Compose([transforms.Resize(20), *STEPS[1:]]), "input size 32 and resize 20 are not possible"),
        (lambda image: image, "transform must be a Compose of torchvision, got function"),
    ],
)
def test_transforms_that_are_not(transform: object, why: str) -> None:
    with pytest.raises(UserError, match=re.escape(why)):
        read_transform(transform)


def test_runs_and_classifiers_are_printed_short(options: EvaluationOptions, toy_checkpoint: Path) -> None:
    classifier = load_classifier(toy_checkpoint, device="cpu", backend="torch")
    assert str(classifier) == "<Classifier test_resnet-baseline-s0: 32 px, 3 classes, torch in float32 on cpu>"
    (run,) = evaluate(classifier, "imagenet", options)
    assert str(run) == f"<StoredRun test_resnet-baseline-s0 on imagenet: 1 of 1 conditions, in {run.folder}>"
    assert isinstance(run, StoredRun)
    table = compare(run, run.folder)
    assert set(table.verdict) == {"within noise"} and not table.difference.any()


def test_the_public_names_are_shown() -> None:
    assert {"compare", "corrupt", "evaluate", "load_classifier", "train", "write_report"} <= set(dir(robustbench_cls))


def test_a_wrong_name_and_a_wrong_severity_raise_alike() -> None:
    image = np.zeros((32, 32, 3), np.uint8)
    for name, severity in (("foq", 3), ("fog", 6)):
        with pytest.raises(ValueError, match=r"Did you mean fog|severity must be 1\.\.5"):
            corrupt(image, name, severity)
