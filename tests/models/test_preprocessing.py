"""How images are shown to models of others: said by the file, by the user, or assumed, and always told."""

import json
from pathlib import Path

import pytest
import timm
import torch
from models.test_backends import needs
from models.test_programs import FORMATS, write
from models.tiny_networks import make

from robustbench_cls import load_classifier
from robustbench_cls.core.errors import UserError
from robustbench_cls.models.classifier import Classifier, Preprocessing
from robustbench_cls.models.metadata import FILE, add_to_onnx, describe
from robustbench_cls.models.options import ModelOptions, read_shades
from robustbench_cls.models.programs import default_preprocessing
from robustbench_cls.models.running import ready

OWN = Preprocessing(64, 64, "bicubic", (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
NAMES = tuple(f"class {i}" for i in range(7))


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return timm.create_model("test_resnet", num_classes=7).eval()


@pytest.fixture
def exported(tmp_path: Path):
    """A function that writes a file of a kind with the description of its classifier in it."""

    def export(kind: str, size: int = 64) -> tuple[Path, Classifier]:
        path = tmp_path / FORMATS[kind]
        classifier = Classifier("mine", ready(network(), torch.device("cpu")), NAMES, OWN, "", torch.device("cpu"))
        plain = network()
        write(kind, plain, path, size)
        example = torch.rand(2, 3, size, size)
        if kind == "torchscript":
            torch.jit.save(torch.jit.trace(plain, example), path, _extra_files={FILE: describe(classifier)})
        elif kind == "exported":
            shapes = ({0: torch.export.Dim("batch", min=1, max=512)},)
            program = torch.export.export(plain, (example,), dynamic_shapes=shapes)
            torch.export.save(program, path, extra_files={FILE: describe(classifier)})
        else:
            add_to_onnx(path, classifier)
        return path, classifier

    return export


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_that_describes_itself(kind: str, exported, capsys: pytest.CaptureFixture[str]) -> None:
    if kind == "onnx":
        needs("onnxruntime")
    path, classifier = exported(kind)
    again = load_classifier(path, device="cpu", backend="auto" if kind == "onnx" else "torch")
    assert (again.preprocessing, again.class_names) == (OWN, NAMES)
    told = capsys.readouterr().err
    assert f"images are shown to {path.name} like this: resize 64, crop 64, bicubic, mean 0.5 0.4" in told
    assert "(as its file says)" in told
    images_BHW3 = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)
    torch.testing.assert_close(again.logits(images_BHW3), classifier.logits(images_BHW3), rtol=1e-3, atol=1e-4)


def test_a_description_of_another_size(exported) -> None:
    path, _ = exported("exported", size=96)
    with pytest.raises(UserError, match=r"m\.pt2 takes images of 96 px, and the description in it speaks of 64"):
        load_classifier(path, device="cpu", backend="torch")


def test_a_file_of_a_fixed_size_is_shown_no_other(exported) -> None:
    path, _ = exported("exported")
    with pytest.raises(UserError, match=r"m\.pt2 takes images of 64 px alone\. Leave out --input-size"):
        load_classifier(path, device="cpu", backend="torch", input_size=96)


@pytest.mark.parametrize("text", ["{", "[]", '{"preprocessing": 3}', json.dumps({"class_names": ["a"]})])
def test_a_damaged_description(text: str, tmp_path: Path) -> None:
    script = torch.jit.trace(network(), torch.rand(2, 3, 64, 64))
    torch.jit.save(script, tmp_path / "m.pt", _extra_files={FILE: text})
    with pytest.raises(UserError, match=r"The description in \S+m\.pt"):
        load_classifier(tmp_path / "m.pt", class_names=NAMES, device="cpu", backend="torch")


def test_what_is_assumed_is_said_and_can_be_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write("torchscript", make("test_resnet"), tmp_path / "m.pt", 64)
    plain = load_classifier(path, device="cpu", backend="torch")
    told = capsys.readouterr().err
    assert "images are shown to m.pt like this: resize 256, crop 224" in told
    assert "(assumed, as nothing tells it; --input-size, --mean, --std and --interpolation change it)" in told
    changed = load_classifier(
        path, device="cpu", backend="torch", input_size=64, mean=(0.5,) * 3, std=(0.5,) * 3, interpolation="bicubic"
    )
    assert changed.preprocessing == Preprocessing(64, 64, "bicubic", (0.5,) * 3, (0.5,) * 3)
    told = capsys.readouterr().err
    assert "resize 64, crop 64, bicubic, mean 0.5 0.5 0.5, std 0.5 0.5 0.5" in told
    assert "(assumed, as nothing tells it, but for --input-size, --mean, --std, --interpolation)" in told
    only_size = load_classifier(path, device="cpu", backend="torch", input_size=64)
    assert only_size.normalisation == "" and "but for --input-size)" in only_size.shown
    assert (plain.normalisation, changed.normalisation != "") == ("", True)
    assert load_classifier(path, device="cpu", backend="torch", input_size=448).preprocessing.resize == 512


def test_a_factory_that_builds_for_another_size(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import timm\ndef make():\n    return timm.create_model('test_vit', img_size=64)\n"
    )
    assert load_classifier(f"{tmp_path}/mine.py:make", device="cpu", backend="torch").preprocessing.input_size == 64


def test_a_timm_model_at_another_size(tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.save(timm.create_model("test_vit", img_size=64).state_dict(), tmp_path / "w.pth")
    classifier = load_classifier("test_vit", weights=tmp_path / "w.pth", input_size=64, device="cpu", backend="torch")
    assert classifier.preprocessing.input_size == 64


def test_an_own_checkpoint_given_as_weights_is_recognised(
    toy_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = load_classifier(toy_checkpoint, device="cpu", backend="torch")
    given = load_classifier("test_resnet", weights=toy_checkpoint, device="cpu", backend="torch")
    assert (given.preprocessing, given.class_names, given.name) == (own.preprocessing, own.class_names, own.name)
    assert "describes itself, so it is measured as it was trained" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"is a checkpoint of test_resnet, not of test_vit\. Name it without --model"):
        load_classifier("test_vit", weights=toy_checkpoint, device="cpu", backend="torch")
    with pytest.raises(UserError, match="is a checkpoint of test_resnet, not of torchvision:resnet18"):  # its 224 px
        load_classifier("torchvision:resnet18", weights=toy_checkpoint, device="cpu", backend="torch")
    with pytest.raises(UserError, match="has other classes than --class-names"):
        load_classifier("test_resnet", weights=toy_checkpoint, class_names=("x", "y", "z"), device="cpu")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"input_size": 9}, "--input-size must be 32 to 8192 px, got 9"),
        ({"input_size": 10**6}, "--input-size must be"),
        ({"interpolation": "cubic"}, "Unknown interpolation 'cubic'. Known: bilinear, bicubic"),
        ({"mean": (0.5,)}, "--mean takes three numbers"),
        ({"mean": (float("nan"),) * 3}, "--mean takes three numbers"),
        ({"mean": (127.0,) * 3}, "--mean takes three numbers for values in 0..1"),
        ({"std": (0.5, 0.0, 0.5)}, "--std must not be 0"),
    ],
)
def test_a_preprocessing_that_can_not_be(change: dict[str, object], why: str) -> None:
    with pytest.raises(UserError, match=why):
        ModelOptions("resnet18", **change).check()


def test_shades_as_text() -> None:
    assert read_shades("0.5") == (0.5, 0.5, 0.5) and read_shades("0.1, 0.2,0.3") == (0.1, 0.2, 0.3)
    assert read_shades(None) == ()
    with pytest.raises(UserError, match="take numbers such as"):
        read_shades("a,b,c")


def test_an_own_checkpoint_keeps_its_normalisation(toy_checkpoint: Path) -> None:
    with pytest.raises(UserError, match=r"says itself how images are shown to it; only --input-size may change that"):
        load_classifier(toy_checkpoint, mean=(0.5,) * 3)
    assert default_preprocessing(64).at(224) == Preprocessing(
        224, 224, "bilinear", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    )
