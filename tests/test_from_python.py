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
from robustbench_cls import EvaluationOptions, compare, corrupt, evaluate, load_classifier, write_report
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
    with pytest.raises(UserError, match="transform, class_names and name go with a module"):
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
        (
            transforms.Compose([STEPS[1], STEPS[0], *STEPS[2:]]),
            "has its steps in the order CenterCrop, Resize",
        ),
        (transforms.Compose([*STEPS, STEPS[3]]), "has Normalize 2 times"),
        (transforms.Compose([*STEPS[:2], STEPS[1], *STEPS[2:]]), "has CenterCrop 2 times"),
        (transforms.Compose([transforms.Resize(36, max_size=40), *STEPS[1:]]), "with max_size or without"),
        (
            transforms.Compose([transforms.Resize(36, antialias=False), *STEPS[1:]]),
            "with max_size or without",
        ),
        (
            v2.Compose([v2.ToImage(), *STEPS[:2], v2.ToDtype(torch.float32, scale=False), STEPS[3]]),
            "gives values 0..255 to Normalize",
        ),
        (transforms.Compose([*STEPS[:3], transforms.Normalize(0.5, 0.5)]), "mean and std have 1 and 1 values"),
        (lambda image: image, "transform must be a Compose of torchvision, got function"),
    ],
)
def test_transforms_that_are_not(transform: object, why: str) -> None:
    with pytest.raises(UserError, match=re.escape(why)):
        read_transform(transform)


class Chunk(torch.nn.Module):
    """Normalises by the batch, but only where it is large."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits_BC = self.net(images)
        return logits_BC - logits_BC.mean(0) if len(images) >= 8 else logits_BC


class Bank(Chunk):
    """Remembers what it has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[torch.Tensor] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits_BC = self.net(images)
        self.seen += list(logits_BC)
        return logits_BC - torch.stack(self.seen[-24:]).mean(0) if len(self.seen) > 45 else logits_BC


def test_a_module_that_depends_on_large_batches(options: EvaluationOptions) -> None:
    given = {"transform": transforms.Compose(STEPS), "class_names": tuple("abc")}
    given["class_names"] = ("cat", "dog", "owl")
    with pytest.raises(UserError, match="Chunk answers otherwise to the same images alone than in a batch of 12"):
        evaluate(Chunk(), "imagenet", options, **given)


def test_a_module_that_changes_while_it_is_used_leaves_no_results(options: EvaluationOptions) -> None:
    given = {"transform": transforms.Compose(STEPS), "class_names": ("cat", "dog", "owl")}
    with pytest.raises(UserError, match=r"Bank answers otherwise to the same images .*Nothing of this run is kept"):
        evaluate(Bank(), "imagenet", options, **given)
    assert not list(Path(str(options.out)).rglob("*.parquet"))


def test_a_classifier_whose_weights_were_changed(options: EvaluationOptions, toy_checkpoint: Path) -> None:
    classifier = load_classifier(toy_checkpoint, device="cpu", backend="torch")
    evaluate(classifier, "imagenet", options)
    with torch.no_grad():
        next(classifier.network.parameters()).add_(1)
    with pytest.raises(UserError, match="have changed since it was loaded. Load it again, or give the module itself"):
        evaluate(classifier, "imagenet", options)


def test_a_page_does_not_overwrite_a_table_of_something_else(
    options: EvaluationOptions, toy_checkpoint: Path, tmp_path: Path
) -> None:
    (run,) = evaluate(toy_checkpoint, "imagenet", options)
    (tmp_path / "page.csv").write_text("my,own,notes\n")
    with pytest.raises(UserError, match=r"page\.csv is no table of a report and would be overwritten"):
        write_report(run, tmp_path / "page.html")
    assert (tmp_path / "page.csv").read_text() == "my,own,notes\n"
    write_report([run, run.folder], tmp_path / "other.html")
    write_report(run, tmp_path / "other.html")  # its own table it may write again


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
