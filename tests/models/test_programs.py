"""Every kind of model file, written here and read back; and those that are damaged, foreign or hostile."""

import hashlib
import importlib.util
import zipfile
from pathlib import Path

import pytest
import torch
from models.test_backends import FLOAT32, needs
from models.tiny_networks import difference, eager, images, make
from torch import nn

from robustbench_cls import load_classifier
from robustbench_cls.core.errors import UserError
from robustbench_cls.data.label_spaces import imagenet_1k
from robustbench_cls.models.classifier import Classifier, Preprocessing
from robustbench_cls.models.programs import default_preprocessing

FORMATS = {"torchscript": "m.pt", "exported": "m.pt2", "onnx": "m.onnx"}


def write(kind: str, network: nn.Module, path: Path, size: int, batch: int = 0) -> Path:
    """`network` as a file of that kind; for any batch size where `batch` is 0."""
    example = torch.rand(batch or 2, 3, size, size)
    shapes = None if batch else ({0: torch.export.Dim("batch", min=1, max=512)},)
    if kind == "torchscript":
        torch.jit.save(torch.jit.trace(network, example), path)
    elif kind == "exported":
        torch.export.save(torch.export.export(network, (example,), dynamic_shapes=shapes), path)
    else:
        needs("onnxruntime")
        torch.onnx.export(network, (example,), path, dynamo=True, dynamic_shapes=shapes, verbose=False)
    return path


def check_answers(classifier: Classifier, network: nn.Module, counts: tuple[int, ...] = (4, 1)) -> None:
    """Logits as in eager PyTorch."""
    for count in counts:
        batch = images(count, classifier.preprocessing.input_size)
        reference = eager(network, classifier.preprocessing, batch)
        assert difference(classifier.logits(batch), reference) < FLOAT32


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "name", ["test_resnet", "test_vit", pytest.param("mobilenet_v3_small", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("kind", ["torchscript", "exported"])
def test_files_of_pytorch(kind: str, name: str, tmp_path: Path) -> None:
    size = 160 if name == "test_vit" else 224
    network = make(name)
    path = write(kind, network, tmp_path / FORMATS[kind], size)
    if name == "test_vit" and kind == "torchscript":
        with pytest.raises(UserError, match=r"m\.pt can't take 3 images of 224 px"):  # nothing in the file tells 160
            load_classifier(path, device="cpu", backend="torch")
        return
    classifier = load_classifier(path, device="cpu", backend="torch")
    assert classifier.preprocessing == default_preprocessing(size)
    assert classifier.name == path.name
    assert classifier.class_names == imagenet_1k()
    assert classifier.weights_sha256 == sha256(path)
    check_answers(classifier, network)


@pytest.mark.parametrize("kind", ["torchscript", "exported"])
def test_files_of_pytorch_in_openvino(kind: str, tmp_path: Path) -> None:
    needs("openvino")
    network = make("test_resnet")
    path = write(kind, network, tmp_path / FORMATS[kind], 224)
    classifier = load_classifier(path, device="cpu", backend="openvino")
    assert classifier.backend == "openvino"
    check_answers(classifier, network)


@pytest.mark.parametrize(
    "name", ["test_resnet", "test_vit", pytest.param("mobilenet_v3_small", marks=pytest.mark.slow)]
)
def test_onnx(name: str, tmp_path: Path) -> None:
    network = make(name)
    path = write("onnx", network, tmp_path / "m.onnx", 160)
    for backend in ("onnxruntime", *(["openvino"] if importlib.util.find_spec("openvino") else [])):
        classifier = load_classifier(path, backend=backend)
        assert (classifier.backend, classifier.device.type) == (backend, "cpu")
        assert (
            classifier.preprocessing
            == default_preprocessing(160)
            == Preprocessing(160, 182, "bilinear", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
        )
        check_answers(classifier, network)


@pytest.mark.parametrize("kind", ["exported", "onnx"])
@pytest.mark.parametrize("batch", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_a_static_batch(kind: str, batch: int, tmp_path: Path) -> None:
    network = make("test_resnet")
    path = write(kind, network, tmp_path / FORMATS[kind], 64, batch)
    for backend in ("auto", "torch" if kind == "exported" else "onnxruntime"):
        check_answers(load_classifier(path, device="cpu", backend=backend), network, (5, 1, 3))


def test_the_digest_of_onnx_covers_tensors_beside_it(tmp_path: Path) -> None:
    path = write("onnx", make("test_resnet"), tmp_path / "m.onnx", 64)
    beside = tmp_path / "m.onnx.data"
    assert beside.is_file()
    first = load_classifier(path, backend="onnxruntime").weights_sha256
    content = bytearray(beside.read_bytes())
    content[100] ^= 1
    beside.write_bytes(content)
    assert load_classifier(path, backend="onnxruntime").weights_sha256 != first
    beside.unlink()
    with pytest.raises(UserError, match=r"m\.onnx\.data, which is not there"):
        load_classifier(path)


def test_tensors_outside_the_folder_are_not_read(tmp_path: Path) -> None:
    path = write("onnx", make("test_resnet"), tmp_path / "m.onnx", 64)
    import onnx

    model = onnx.load_model(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = "../../etc/passwd"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(UserError, match="outside its own folder"):
        load_classifier(path)


class Two(nn.Module):
    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return (left + right).mean((2, 3))


def test_two_inputs(tmp_path: Path) -> None:
    example = (torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8))
    torch.export.save(torch.export.export(Two(), example), tmp_path / "m.pt2")
    with pytest.raises(UserError, match="expected one"):
        load_classifier(tmp_path / "m.pt2", device="cpu")
    needs("onnxruntime")
    torch.onnx.export(Two(), example, tmp_path / "m.onnx", dynamo=True, verbose=False)
    with pytest.raises(UserError, match="2 inputs and 1 outputs"):
        load_classifier(tmp_path / "m.onnx")


class Answer(nn.Module):
    """Answers with `what` of the mean colours."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def forward(self, images_B3HW: torch.Tensor) -> torch.Tensor:
        means = images_B3HW.mean((2, 3))
        return {"three": means, "nan": means / 0 * 0, "map": images_B3HW, "mixed": means.sum(0, keepdim=True)}[
            self.what
        ]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("nan", "NaN or infinite"),
        ("map", "gives outputs of shape"),
        ("mixed", "gives outputs of shape"),
        ("three", "3 outputs"),
    ],
)
@pytest.mark.parametrize("kind", ["exported", "onnx"])
def test_answers_that_are_no_logits(kind: str, what: str, message: str, tmp_path: Path) -> None:
    path = write(kind, Answer(what), tmp_path / FORMATS[kind], 32)
    with pytest.raises(UserError, match=message):
        load_classifier(path, device="cpu")
    if what == "three":
        assert load_classifier(path, class_names=("a", "b", "c"), device="cpu").class_names == ("a", "b", "c")
        with pytest.raises(UserError, match="3 outputs, but there are 2 class names"):
            load_classifier(path, class_names=("a", "b"), device="cpu")


@pytest.mark.parametrize("name", ["m.pt2", "m.onnx"])
@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04broken", b"\x08\x07" * 99])
def test_files_that_are_something_else(name: str, content: bytes, tmp_path: Path) -> None:
    if name == "m.onnx":
        needs("onnxruntime")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match="damaged|no ONNX file|expected float32|0 inputs"):
        load_classifier(tmp_path / name)


@pytest.mark.parametrize("kind", FORMATS)
def test_truncated_files(kind: str, tmp_path: Path) -> None:
    path = write(kind, make("test_resnet"), tmp_path / FORMATS[kind], 64)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(UserError, match=path.name):
        load_classifier(path, device="cpu")


class Hostile:
    """Writes a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("place", ["data/sample_inputs/model.pt", "data/constants/opaque_obj_0"])
def test_a_pickle_in_an_exported_file_is_never_run(place: str, tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    path = write("exported", make("test_resnet"), tmp_path / "m.pt2", 64)
    torch.save({"x": Hostile(proof)}, tmp_path / "evil")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(tmp_path / "evil.pt2", "w") as target:
        names = dict.fromkeys([*source.namelist(), f"m/{place}"])
        for name in names:
            target.writestr(name, (tmp_path / "evil").read_bytes() if name == f"m/{place}" else source.read(name))
    with pytest.raises(UserError, match=r"evil\.pt2.*pickle"):
        load_classifier(tmp_path / "evil.pt2", device="cpu")
    assert not proof.exists()


FACTORY = """
import timm, torch
from neighbour import SEED

def make():
    torch.manual_seed(SEED)
    return timm.create_model("test_resnet")

def stated():
    model = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 1000))
    model.default_cfg = {"input_size": (3, 192, 192), "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "crop_pct": 0.75}
    return model

def breaks():
    return 1 / 0

def no_module():
    return "resnet50"
"""


@pytest.fixture
def factory(tmp_path: Path) -> Path:
    """A user's file, with a module beside it."""
    (tmp_path / "neighbour.py").write_text("SEED = 3\n")
    (tmp_path / "mine.py").write_text(FACTORY)
    return tmp_path / "mine.py"


def test_a_factory(factory: Path) -> None:
    classifier = load_classifier(f"{factory}:stated", device="cpu", backend="torch")
    assert classifier.preprocessing == Preprocessing(192, 256, "bilinear", (0.5,) * 3, (0.5,) * 3)
    assert classifier.name == "mine-stated"
    check_answers(classifier, classifier.network)
    made = load_classifier(f"{factory}:make", device="cpu", backend="torch")
    assert made.preprocessing.input_size == 160  # timm's own statement
    factory.write_text(FACTORY + "# changed\n")
    again = load_classifier(f"{factory}:make", device="cpu", backend="torch")
    assert again.weights_sha256 != made.weights_sha256


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (":breaks", r"mine\.py, line 15: ZeroDivisionError: division by zero\."),
        (":no_module", "must return a torch.nn.Module, not str"),
        (":gone", "defines no function gone"),
        ("", "Name the function"),
    ],
)
def test_a_factory_that_does_not_work(name: str, message: str, factory: Path) -> None:
    with pytest.raises(UserError, match=message):
        load_classifier(f"{factory}{name}", device="cpu")


def test_a_file_of_a_factory_that_can_not_be_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no file .*gone\.py"):
        load_classifier(f"{tmp_path}/gone.py:make")
    (tmp_path / "bad.py").write_text("x = 1\ndef make(:\n")
    with pytest.raises(UserError, match=r"bad\.py, line 2: SyntaxError"):
        load_classifier(f"{tmp_path}/bad.py:make")


def test_torchvision_names(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="torchvision has no classifier 'resnet5'. Did you mean"):
        load_classifier("torchvision:resnet5")
    with pytest.raises(UserError, match="no weights 'V9' of resnet50"):
        load_classifier("torchvision:resnet50.V9")
    network = make("mobilenet_v3_small")
    torch.save(network.state_dict(), tmp_path / "w.pth")
    classifier = load_classifier(
        "torchvision:mobilenet_v3_small", weights=tmp_path / "w.pth", device="cpu", backend="torch"
    )
    assert classifier.name == "torchvision-mobilenet_v3_small"
    assert classifier.preprocessing == default_preprocessing()
    check_answers(classifier, network)


@pytest.mark.parametrize("place", ["at the top", "in the function"])
def test_a_factory_that_ends_the_program_is_named(place: str, tmp_path: Path) -> None:
    top, inside = ("raise SystemExit(0)", "pass") if place == "at the top" else ("", "raise SystemExit(0)")
    (tmp_path / "m.py").write_text(f"{top}\ndef make():\n    {inside}\n")
    with pytest.raises(UserError, match=r"m\.py, line \d: SystemExit: 0"):
        load_classifier(f"{tmp_path}/m.py:make", device="cpu", backend="torch")


def test_lazy_layers_are_named(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("import torch\ndef make():\n    return torch.nn.LazyLinear(3)\n")
    with pytest.raises(UserError, match="make in .* returns a network of lazy layers"):
        load_classifier(f"{tmp_path}/m.py:make", device="cpu", backend="torch")


def test_pytorch_says_nothing_of_a_damaged_exported_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write("exported", make("test_resnet"), tmp_path / "m.pt2", 64)
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(tmp_path / "bad.pt2", "w") as target:
        for name in source.namelist():
            target.writestr(name, b"{" if name.endswith("model.json") else source.read(name))
    with pytest.raises(UserError, match=r"bad\.pt2 is damaged or no exported program"):
        load_classifier(tmp_path / "bad.pt2", device="cpu")
    assert capfd.readouterr().err == ""
