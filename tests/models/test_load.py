import pickle
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from robustbench_cls import load_classifier
from robustbench_cls.core.errors import UserError
from robustbench_cls.data.label_spaces import imagenet_1k
from robustbench_cls.models.checkpoint import read_checkpoint
from robustbench_cls.models.load import pick_device
from robustbench_cls.models.options import read_class_names

NAME = "test_resnet"


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    model = timm.create_model(NAME)
    for module in model.modules():  # as after training, where no running mean is still zero
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
    return model.eval()


@pytest.fixture(scope="module")
def reference(network: torch.nn.Module) -> str:
    return digest(network)


def digest(network: torch.nn.Module) -> str:
    from robustbench_cls.models.classifier import weights_sha256

    return weights_sha256(network)


NESTED = {
    "plain": lambda s: s,
    "state_dict": lambda s: {"state_dict": s, "epoch": 3},
    "model": lambda s: {"model": s},
    "module": lambda s: {f"module.{k}": v for k, v in s.items()},
    "compiled": lambda s: {"state_dict": {f"_orig_mod.module.{k}": v for k, v in s.items()}},
    "ema": lambda s: {"state_dict": {k: v * 0 for k, v in s.items()}, "state_dict_ema": s},
    "twice": lambda s: {"model": {"state_dict": s}},
    "no counters": lambda s: {k: v for k, v in s.items() if not k.endswith("num_batches_tracked")},
}


@pytest.mark.parametrize("nest", NESTED)
def test_foreign_weights(nest: str, network: torch.nn.Module, reference: str, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save(NESTED[nest](network.state_dict()), path)
    classifier = load_classifier(NAME, weights=path, device="cpu", backend="torch")
    assert classifier.weights_sha256 == reference
    assert classifier.class_names == imagenet_1k()
    assert classifier.imagenet


def test_safetensors(network: torch.nn.Module, reference: str, tmp_path: Path) -> None:
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    assert (
        load_classifier(NAME, weights=tmp_path / "w.safetensors", device="cpu", backend="torch").weights_sha256
        == reference
    )


def test_ordered_match(network: torch.nn.Module, reference: str, tmp_path: Path) -> None:
    renamed = {f"layer{i}": v for i, v in enumerate(network.state_dict().values())}
    torch.save(renamed, tmp_path / "w.pth")
    with pytest.raises(UserError, match="--ordered-match"):
        load_classifier(NAME, weights=tmp_path / "w.pth", device="cpu", backend="torch")
    counters = [i for i, k in enumerate(network.state_dict()) if k.endswith("num_batches_tracked")]
    torch.save({k: v for i, (k, v) in enumerate(renamed.items()) if i not in counters}, tmp_path / "w.pth")
    classifier = load_classifier(NAME, weights=tmp_path / "w.pth", ordered_match=True, device="cpu", backend="torch")
    assert classifier.weights_sha256 == reference


def test_ordered_match_refuses_other_shapes(tmp_path: Path) -> None:
    torch.save(timm.create_model("test_vit").state_dict(), tmp_path / "w.pth")
    with pytest.raises(UserError, match="not the same architecture"):
        load_classifier(NAME, weights=tmp_path / "w.pth", ordered_match=True, device="cpu", backend="torch")


def test_a_foreign_head_needs_names(tmp_path: Path) -> None:
    torch.save(timm.create_model(NAME, num_classes=3).state_dict(), tmp_path / "w.pth")
    with pytest.raises(UserError, match="class-names"):
        load_classifier(NAME, weights=tmp_path / "w.pth", device="cpu", backend="torch")
    (tmp_path / "names.txt").write_text("owl\ncat\ndog\n")
    names = read_class_names(tmp_path / "names.txt")
    assert (
        load_classifier(NAME, weights=tmp_path / "w.pth", class_names=names, device="cpu", backend="torch").class_names
        == names
    )


class Hostile:
    """Writes a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_code_in_a_file_is_never_run(how: str, tmp_path: Path) -> None:
    path, proof = tmp_path / "evil.pt", tmp_path / "ran"
    if how == "torch":
        torch.save({"state_dict": Hostile(proof)}, path)
    else:
        path.write_bytes(pickle.dumps(Hostile(proof)))
    for arguments in ({"model": path}, {"model": NAME, "weights": path}):
        with pytest.raises(UserError, match="evil.pt asks to run code"):
            load_classifier(**arguments, device="cpu", backend="torch")
    assert not proof.exists()


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04broken"])
def test_a_file_that_is_no_checkpoint(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.pt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"bad\.pt"):
        load_classifier(path, device="cpu", backend="torch")


def test_weights_that_do_not_describe_themselves(tmp_path: Path, network: torch.nn.Module) -> None:
    torch.save(network.state_dict(), tmp_path / "w.pt")
    with pytest.raises(UserError, match="--model resnet50 --weights"):
        load_classifier(tmp_path / "w.pt", device="cpu", backend="torch")


def test_no_tensors_at_all(tmp_path: Path) -> None:
    torch.save({"a": 1}, tmp_path / "w.pt")
    with pytest.raises(UserError, match="holds no weights"):
        load_classifier(NAME, weights=tmp_path / "w.pt", device="cpu", backend="torch")


def test_unknown_model_and_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no model 'resnt50'. Did you mean"):
        load_classifier("resnt50", device="cpu", backend="torch")
    with pytest.raises(UserError, match="There is no checkpoint"):
        load_classifier(str(tmp_path / "gone.pt"), device="cpu", backend="torch")
    with pytest.raises(UserError, match="no model 'hf-hub:someone/else'"):
        load_classifier("hf-hub:someone/else", device="cpu", backend="torch")


@pytest.mark.parametrize("name", ["hpu", "npu", "xpu:3", "cuda:" + "9" * 20])
def test_a_device_that_is_not_here(name: str) -> None:
    with pytest.raises(UserError, match=f"Device '{name}' can't be used here"):
        pick_device(name)


def test_class_names_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_bytes(b"\xef\xbb\xbfcat\r\ndog\r\n")
    assert read_class_names(tmp_path / "names.txt") == ("cat", "dog")


def test_unknown_device() -> None:
    with pytest.raises(UserError, match="Use --device cpu"):
        pick_device("nonsense")


def test_own_checkpoint_describes_itself(toy_checkpoint: Path) -> None:
    classifier = load_classifier(toy_checkpoint, device="cpu", backend="torch")
    assert classifier.name == "test_resnet-baseline-s0"
    assert classifier.class_names == ("cat", "dog", "owl")
    assert classifier.preprocessing.input_size == classifier.preprocessing.resize == 32
    assert not classifier.imagenet
    assert (classifier.origin.architecture, classifier.origin.recipe) == ("test_resnet", "baseline")
    assert set(classifier.origin.versions) >= {"torch", "timm"}


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("class_names", ["a", "a"], "is damaged .class_names repeat"),
        ("class_names", [], "is damaged .0 class names"),
        ("class_names", 7, "Expected `array`, got `int` - at `\\$.class_names`"),
        ("architecture", 3, "Expected `str`, got `int` - at `\\$.architecture`"),
        ("preprocessing", {"input_size": 10**9}, "missing required field `resize`"),
        ("surprise", 1, "has the field 'surprise', which this version .* does not know.*pip install --upgrade"),
        ("name", "../../elsewhere", "is damaged .A model's name is made of"),
        ("name", "", "is damaged .A model's name is made of"),
        ("settings", [1], "Expected `object`, got `array`"),
        ("versions", 3, "Expected `object`, got `int`"),
    ],
)
def test_a_damaged_description(field: str, value: object, why: str, toy_checkpoint: Path, tmp_path: Path) -> None:
    content = torch.load(toy_checkpoint, weights_only=True)
    content["about"][field] = value
    torch.save(content, tmp_path / "bad.pt")
    with pytest.raises(UserError, match=f"bad.pt.* {why}"):
        read_checkpoint(tmp_path / "bad.pt")


def test_a_checkpoint_can_not_name_a_hub(toy_checkpoint: Path, tmp_path: Path) -> None:
    content = torch.load(toy_checkpoint, weights_only=True)
    content["about"]["architecture"] = "hf-hub:someone/else"
    torch.save(content, tmp_path / "bad.pt")
    with pytest.raises(UserError, match="timm has no model"):
        load_classifier(tmp_path / "bad.pt", device="cpu", backend="torch")


@pytest.mark.parametrize("cut", [10, 100, 1000, 20_000])
def test_a_truncated_checkpoint(cut: int, toy_checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.pt").write_bytes(toy_checkpoint.read_bytes()[:-cut])
    with pytest.raises(UserError, match=r"cut\.pt"):
        load_classifier(tmp_path / "cut.pt", device="cpu", backend="torch")


def test_altered_checkpoints_never_end_in_a_traceback(toy_checkpoint: Path, tmp_path: Path) -> None:
    import numpy as np

    content = toy_checkpoint.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        altered = bytearray(content)
        for place in rng.integers(0, 4000, 4):
            altered[place] ^= 1 << int(rng.integers(8))
        (tmp_path / "bad.pt").write_bytes(bytes(altered))
        try:
            load_classifier(tmp_path / "bad.pt", device="cpu", backend="torch")
        except UserError:
            refused += 1
    assert refused > 30


def test_an_own_checkpoint_as_foreign_weights(toy_checkpoint: Path) -> None:
    own = load_classifier(toy_checkpoint, device="cpu", backend="torch")
    names = own.class_names
    again = load_classifier(NAME, weights=toy_checkpoint, class_names=names, device="cpu", backend="torch")
    assert again.weights_sha256 == own.weights_sha256


def test_a_folder_in_place_of_a_checkpoint(toy_checkpoint: Path) -> None:
    with pytest.raises(UserError, match=r"is a folder.*best\.pt"):
        load_classifier(toy_checkpoint.parent, device="cpu", backend="torch")
    with pytest.raises(UserError, match="describes itself"):
        load_classifier(toy_checkpoint, class_names=("a",), device="cpu", backend="torch")


def test_flipped_bits_are_refused_or_change_nothing(toy_checkpoint: Path, tmp_path: Path) -> None:
    whole = load_classifier(toy_checkpoint, device="cpu", backend="torch").weights_sha256
    content = toy_checkpoint.read_bytes()
    rng = np.random.default_rng(1)
    refused = 0
    for place in rng.integers(0, len(content), 100):
        altered = bytearray(content)
        altered[place] ^= 1 << int(rng.integers(8))
        (tmp_path / "bad.pt").write_bytes(bytes(altered))
        try:
            assert load_classifier(tmp_path / "bad.pt", device="cpu", backend="torch").weights_sha256 == whole
        except UserError as error:
            assert "bad.pt" in str(error)
            refused += 1
    assert refused > 80


def test_a_flipped_bit_in_foreign_weights(network: torch.nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save(network.state_dict(), path)
    altered = bytearray(path.read_bytes())
    altered[len(altered) // 2] ^= 1
    path.write_bytes(bytes(altered))
    with pytest.raises(UserError, match=r"w\.pth is damaged: the checksum of \S+ is wrong"):
        load_classifier(NAME, weights=path, device="cpu", backend="torch")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda w: w.to(torch.int32), "has numbers of type int32, the network's are torch.float32"),
        (lambda w: w > 0, "has numbers of type bool"),
        (lambda w: w.to(torch.complex64), "has numbers of type complex64"),
        (lambda w: w.to_sparse(), "is sparse"),
        (lambda w: torch.quantize_per_tensor(w, 0.1, 0, torch.qint8), "is quantised"),
    ],
    ids=["int", "bool", "complex", "sparse", "quantised"],
)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_weights_of_another_kind_are_not_cast(change, why: str, network: torch.nn.Module, tmp_path: Path) -> None:
    weights = network.state_dict()
    name = next(name for name, values in weights.items() if values.ndim == 4)
    torch.save({**weights, name: change(weights[name])}, tmp_path / "w.pth")
    with pytest.raises(UserError, match=rf"w\.pth: '{name}' {why}"):
        load_classifier(NAME, weights=tmp_path / "w.pth", device="cpu", backend="torch")


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_in_another_precision_are_taken(kind: torch.dtype, network: torch.nn.Module, tmp_path: Path) -> None:
    halves = {k: v.to(kind) if v.is_floating_point() else v for k, v in network.state_dict().items()}
    torch.save(halves, tmp_path / "w.pth")
    assert load_classifier(NAME, weights=tmp_path / "w.pth", device="cpu", backend="torch").imagenet


def test_a_file_nested_in_itself(tmp_path: Path) -> None:
    content: dict[str, object] = {"epoch": 3}
    content["model"] = content
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(UserError, match="holds no weights"):
        load_classifier(NAME, weights=tmp_path / "w.pth", device="cpu", backend="torch")


def test_weights_of_another_checkpoint(toy_checkpoint: Path, tmp_path: Path) -> None:
    content = torch.load(toy_checkpoint, weights_only=True)
    name = next(iter(content["weights"]))
    content["weights"][name] = content["weights"][name] + 1
    torch.save(content, tmp_path / "swapped.pt")
    with pytest.raises(UserError, match=r"swapped\.pt holds other weights than those that its description speaks of"):
        read_checkpoint(tmp_path / "swapped.pt")


@pytest.mark.parametrize("shade", [10**400, 1e300, float("nan"), -1])
def test_a_preprocessing_that_can_not_be(shade: float, toy_checkpoint: Path, tmp_path: Path) -> None:
    content = torch.load(toy_checkpoint, weights_only=True)
    content["about"]["preprocessing"]["std"] = [shade] * 3
    torch.save(content, tmp_path / "bad.pt")
    with pytest.raises(UserError, match=r"bad\.pt"):
        read_checkpoint(tmp_path / "bad.pt")
