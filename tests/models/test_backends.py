"""Every backend answers as eager PyTorch does, and says so where it can't."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch
from models.tiny_networks import difference, eager, images, make
from torch import nn

from robustbench_cls import load_classifier
from robustbench_cls.cli.eval import command
from robustbench_cls.core.errors import UserError
from robustbench_cls.models.backends import accelerate, candidates, in_batches_of, in_torch, probe, probe_images
from robustbench_cls.models.choices import BACKENDS, PRECISIONS
from robustbench_cls.models.classifier import Classifier, Pipeline
from robustbench_cls.models.programs import default_preprocessing

CPU = torch.device("cpu")
FLOAT32 = 1e-4
"""Largest difference from eager float32, in standard deviations; 1e-5 is measured."""
BFLOAT16 = 0.3
"""As above; the differences measured are 0.01 to 0.1, those of another network over 1."""


def needs(backend: str) -> None:
    """Skip where a backend's packages are not installed."""
    wanted = {"onnxruntime": ("onnx", "onnxruntime", "onnxscript"), "openvino": ("openvino",)}.get(backend, ())
    for module in wanted:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"needs {module}: pip install 'robustbench-cls[onnx,openvino]'")


def test_the_command_line_offers_what_there_is() -> None:
    options = {option.name: getattr(option.type, "choices", ()) for option in command.params}
    assert tuple(options["backend"]) == BACKENDS
    assert tuple(options["precision"]) == PRECISIONS


@pytest.mark.parametrize(
    "name", ["test_resnet", "test_vit", pytest.param("mobilenet_v3_small", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("backend", ["torch", "onnxruntime", "openvino"])
def test_float32_is_that_of_pytorch(name: str, backend: str, tmp_path: Path) -> None:
    needs(backend)
    network = make(name)
    torch.save(network.state_dict(), tmp_path / "w.pth")
    model = f"torchvision:{name}" if name == "mobilenet_v3_small" else name
    classifier = load_classifier(model, weights=tmp_path / "w.pth", device="cpu", backend=backend)
    assert (classifier.backend, classifier.precision) == (backend, "float32")
    assert classifier.backend == backend
    for count in (4, 1, 7):  # batches of any size, also the last one
        batch = images(count, classifier.preprocessing.input_size)
        reference = eager(network, classifier.preprocessing, batch)
        assert difference(classifier.logits(batch), reference) < FLOAT32


@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_bfloat16(backend: str, tmp_path: Path) -> None:
    needs(backend)
    network = make("test_resnet")
    torch.save(network.state_dict(), tmp_path / "w.pth")
    asked = {"weights": tmp_path / "w.pth", "device": "cpu", "backend": backend, "precision": "bfloat16"}
    classifier = load_classifier("test_resnet", **asked)
    assert (classifier.backend, classifier.precision) == (backend, "bfloat16")
    batch = images(4, classifier.preprocessing.input_size)
    got = difference(classifier.logits(batch), eager(network, classifier.preprocessing, batch))
    assert got < BFLOAT16
    if backend == "torch":
        assert got > FLOAT32, "this was float32"


@pytest.mark.slow
def test_compile_takes_any_batch_without_compiling_again(tmp_path: Path) -> None:
    network = make("test_resnet")
    torch.save(network.state_dict(), tmp_path / "w.pth")
    classifier = load_classifier("test_resnet", weights=tmp_path / "w.pth", device="cpu", backend="compile")
    graphs = []
    for count in (4, 1, 7):
        batch = images(count, classifier.preprocessing.input_size)
        assert difference(classifier.logits(batch), eager(network, classifier.preprocessing, batch)) < FLOAT32
        graphs.append(torch._dynamo.utils.counters["stats"]["unique_graphs"])
    assert graphs[1] == graphs[2]  # the second size made the batch a variable


def test_the_classifier_of_training_answers_alike() -> None:
    network, preprocessing = make("test_resnet"), default_preprocessing(64)
    classifier = Classifier("x", network, (), preprocessing, "", CPU)
    batch = images(5, 64)
    assert difference(classifier.logits(batch), eager(network, preprocessing, batch)) < FLOAT32


class Branches(nn.Module):
    """Takes another way by the values it sees, which no export can follow."""

    def forward(self, images_B3HW: torch.Tensor) -> torch.Tensor:
        means = images_B3HW.mean((2, 3))
        return means if float(means.sum()) > 0 else 2 * means


class Different(nn.Module):
    """Answers otherwise once it is exported."""

    def forward(self, images_B3HW: torch.Tensor) -> torch.Tensor:
        means = images_B3HW.mean((2, 3)) * torch.tensor([1.0, 2.0, 3.0])
        return means * (1.1 if torch.compiler.is_exporting() else 1.0)


@pytest.mark.parametrize("network", [Branches, Different])
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_network_that_can_not_be_converted(
    network: type[nn.Module], backend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    needs(backend)
    pipeline, batch = Pipeline(network(), default_preprocessing(32)), probe_images(32, 0)
    reference = probe(pipeline, batch, "it")
    with pytest.raises(UserError, match=f"{backend} (can't take|differs from)"):
        accelerate(pipeline, batch, reference, CPU, backend, "auto", any_batch=True)
    running = accelerate(pipeline, batch, reference, CPU, "auto", "auto", any_batch=True)
    assert running.backend == "torch"
    assert difference(running.forward(batch), reference) == 0
    assert "Going on with torch." in capsys.readouterr().err


def test_auto_takes_the_fastest_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    there = tuple(name for name in ("openvino", "onnxruntime") if importlib.util.find_spec(name))
    assert candidates("auto", "float32", CPU) == (*there, "torch")
    assert candidates("auto", "float32", torch.device("cuda")) == ("torch",)
    assert "onnxruntime" not in candidates("auto", "bfloat16", CPU)
    with pytest.raises(UserError, match="--device cpu"):
        candidates("openvino", "float32", torch.device("cuda"))


@pytest.mark.parametrize(("backend", "extra"), [("openvino", "openvino"), ("onnxruntime", "onnx")])
def test_a_missing_extra_is_named(backend: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, backend, None)  # what Python itself does with a module that can't be had
    with pytest.raises(UserError, match=rf"pip install 'robustbench-cls\[{extra}\]'"):
        candidates(backend, "float32", CPU)


def test_choices_that_do_not_go_together() -> None:
    with pytest.raises(UserError, match="onnxruntime runs in float32 only"):
        load_classifier("test_resnet", backend="onnxruntime", precision="bfloat16")
    with pytest.raises(UserError, match="Unknown backend 'openvin'. Did you mean openvino"):
        load_classifier("test_resnet", backend="openvin")


def test_float32_is_no_tf32() -> None:
    seen = []

    def forward(images_BHW3: torch.Tensor) -> torch.Tensor:
        seen.append((torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32))
        return images_BHW3

    before = torch.backends.cudnn.allow_tf32
    in_torch(forward, CPU, "float32")(images(1, 8))
    assert seen == [(False, False)]
    assert torch.backends.cudnn.allow_tf32 == before


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("count", [1, 4, 6])
def test_a_fixed_batch_size(size: int, count: int) -> None:
    def forward(images_BHW3: torch.Tensor) -> torch.Tensor:
        assert len(images_BHW3) == size
        return images_BHW3.float().mean((1, 2))

    batch = images(count, 8)
    assert torch.equal(in_batches_of(forward, size)(batch), batch.float().mean((1, 2)))
