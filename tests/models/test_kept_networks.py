"""Converted networks on disk: taken up by later starts, never by another network, and not without bound."""

from pathlib import Path

import pytest
import timm
import torch
from models.test_backends import needs
from models.tiny_networks import difference, images

from robustbench_cls import load_classifier
from robustbench_cls.models import kept_networks
from robustbench_cls.models.classifier import Classifier


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(kept_networks.FOLDER, str(tmp_path / "networks"))
    return tmp_path / "networks"


def load(weights: Path, backend: str) -> Classifier:
    return load_classifier("test_resnet", weights=weights, device="cpu", backend=backend)


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_a_later_start_converts_nothing_and_gives_the_same_bytes(
    backend: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs(backend)
    torch.manual_seed(0)
    torch.save(timm.create_model("test_resnet").state_dict(), tmp_path / "w.pth")
    shown = images(5, 160)
    first = load(tmp_path / "w.pth", backend).logits(shown)
    (folder,) = home.iterdir()
    monkeypatch.setattr("robustbench_cls.models.backends.write", None)
    again = load(tmp_path / "w.pth", backend).logits(shown)
    assert torch.equal(first, again) and [folder] == list(home.iterdir())


@pytest.mark.slow
def test_a_file_of_another_network_is_not_believed(home: Path, tmp_path: Path) -> None:
    needs("openvino")
    for seed in (0, 1):
        torch.manual_seed(seed)
        torch.save(timm.create_model("test_resnet").state_dict(), tmp_path / f"{seed}.pth")
    load(tmp_path / "0.pth", "openvino")
    (first,) = home.iterdir()
    load(tmp_path / "1.pth", "openvino")
    (second,) = set(home.iterdir()) - {first}
    for file in first.iterdir():  # the files of one under the key of the other
        (second / file.name).write_bytes(file.read_bytes())
    shown = images(3, 160)
    expected = load_classifier("test_resnet", weights=tmp_path / "1.pth", device="cpu", backend="torch").logits(shown)
    assert difference(load(tmp_path / "1.pth", "openvino").logits(shown), expected) < 1e-4
    (second / "network.xml").write_text("damaged")
    assert difference(load(tmp_path / "1.pth", "openvino").logits(shown), expected) < 1e-4


def test_only_the_latest_are_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_networks, "MOST", 2)
    for name in "abc":
        kept_networks.keep(lambda folder: (folder / "x").touch(), name)
    assert kept_networks.kept("a") is None
    assert all(kept_networks.kept(name) for name in "bc") and len(list(home.iterdir())) == 2


def test_folders_of_others_are_left_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_networks, "MOST", 1)
    for name in ("thesis", ".hidden", "net-mine", "0" * 24):
        (home / name).mkdir(parents=True)
    for name in "abc":
        kept_networks.keep(lambda folder: (folder / "x").touch(), name)
    assert {"thesis", ".hidden", "net-mine", "0" * 24} < {path.name for path in home.iterdir()}
    assert len(list(home.iterdir())) == 5


def test_a_folder_that_can_not_be_written_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(kept_networks.FOLDER, str(tmp_path / "file/below"))
    folder = kept_networks.keep(lambda place: (place / "x").touch(), "a")
    assert (folder / "x").exists() and kept_networks.kept("a") is None
    kept_networks.forget(folder)
