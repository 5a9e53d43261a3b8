"""Programs whose answers depend on the batch, on chance, or on files beside them are refused or told apart."""

import sys
from pathlib import Path

import pytest
import torch
from models.test_programs import FORMATS, write
from models.tiny_networks import make
from torch import nn

from robustbench_cls import load_classifier
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.own_code import code_sha256, imported_by, run_file
from robustbench_cls.models.steadiness import answers_sha256


class Dropping(nn.Module):
    """A network whose last activations drop out, if asked even when it is evaluated."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, 64), nn.ReLU())
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(64, 1000)

    def forward(self, images_B3HW: torch.Tensor) -> torch.Tensor:
        return self.head(self.drop(self.body(images_B3HW)))


@pytest.mark.parametrize("kind", ["torchscript", "exported"])
def test_a_program_traced_in_training_mode_depends_on_the_batch(kind: str, tmp_path: Path) -> None:
    path = write(kind, make("test_resnet").train(), tmp_path / FORMATS[kind], 224)
    with pytest.raises(UserError, match=r"m\.pt2? gives a photo other logits alone than beside 3 others.*model\.eval"):
        load_classifier(path, device="cpu", backend="torch")


def test_a_program_traced_with_dropout_depends_on_chance(tmp_path: Path) -> None:
    path = write("torchscript", Dropping().train(), tmp_path / "m.pt", 224)
    with pytest.raises(UserError, match=r"m\.pt gives other logits for the same photos .*dropout"):
        load_classifier(path, device="cpu", backend="torch")
    write("torchscript", Dropping().eval(), path, 224)
    assert load_classifier(path, device="cpu", backend="torch").answers_sha256 == ""  # the file's bytes tell all


def test_a_fixed_batch_is_asked_one_by_one_too(tmp_path: Path) -> None:
    path = write("torchscript", make("test_resnet").train(), tmp_path / "m.pt", 224, batch=3)
    with pytest.raises(UserError, match="gives a photo other logits alone than beside 3 others"):
        load_classifier(path, device="cpu", backend="torch")


EVAL_DOES_NOTHING = """
import timm, torch
torch.manual_seed(0)

class Stubborn(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = timm.create_model("test_resnet").train()
    def train(self, mode=True):
        return self
    def forward(self, images):
        return self.inner(images)

def make():
    return Stubborn()
"""


def test_a_factory_whose_eval_does_nothing(tmp_path: Path) -> None:
    (tmp_path / "stubborn.py").write_text(EVAL_DOES_NOTHING)
    with pytest.raises(UserError, match=r"stubborn-make gives a photo other logits .* hand eval\(\) on"):
        load_classifier(f"{tmp_path}/stubborn.py:make", device="cpu", backend="torch")


FACTORY = """
import json, pathlib, timm, torch
from layers_of_mine import Scaled

def make():
    torch.manual_seed(0)
    slope = json.loads(pathlib.Path(__file__).with_name("slope.json").read_text())
    body = timm.create_model("test_resnet", num_classes=0)
    return torch.nn.Sequential(body, Scaled(slope), torch.nn.Linear(body.num_features, 1000))
"""

LAYER = """
import torch

class Scaled(torch.nn.Module):
    def __init__(self, slope):
        super().__init__()
        self.slope = slope
    def forward(self, x):
        return torch.nn.functional.leaky_relu(x - 0.5, self.slope)
"""


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that loads the factory anew, as another process would; its weights never change."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name, text in {"mine.py": FACTORY, "layers_of_mine.py": LAYER, "slope.json": "0.1"}.items():
        (tmp_path / name).write_text(text)

    def load():
        sys.modules.pop("layers_of_mine", None)
        return load_classifier(f"{tmp_path}/mine.py:make", device="cpu", backend="torch")

    yield load
    sys.modules.pop("layers_of_mine", None)


def test_an_edit_of_what_a_factory_imports_makes_another_identity(loaded, tmp_path: Path) -> None:
    before = loaded()
    again = loaded()
    assert (again.weights_sha256, again.answers_sha256) == (before.weights_sha256, before.answers_sha256)
    (tmp_path / "layers_of_mine.py").write_text(LAYER.replace("x - 0.5", "x - 0.4"))
    edited = loaded()
    assert edited.weights_sha256 != before.weights_sha256
    assert edited.answers_sha256 != before.answers_sha256


def test_an_edit_of_a_file_that_a_factory_reads_makes_another_identity(loaded, tmp_path: Path) -> None:
    before = loaded()
    (tmp_path / "slope.json").write_text("0.9")
    edited = loaded()
    assert edited.weights_sha256 == before.weights_sha256
    assert edited.answers_sha256 != before.answers_sha256


def test_rounding_makes_no_other_digest_of_answers() -> None:
    torch.manual_seed(0)
    logits_BC = torch.randn(4, 1000) * 3
    assert answers_sha256(logits_BC) == answers_sha256(logits_BC + 1e-5 * torch.randn(4, 1000))
    assert answers_sha256(logits_BC) != answers_sha256(logits_BC + 0.5 * torch.randn(4, 1000))


def test_the_digest_of_code_covers_what_is_imported_from_beside_it(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    for name, text in {
        "mine.py": "import numpy\nfrom parts.deep import X\ndef f():\n    import lazy\n",
        "parts/__init__.py": "",
        "parts/deep.py": "from . import other\nX = 1\n",
        "parts/other.py": "import torch\n",
        "lazy.py": "Y = 1\n",
        "unrelated.py": "Z = 1\n",
    }.items():
        (tmp_path / name).write_text(text)
    assert set(imported_by(tmp_path / "mine.py")) == {"parts", "parts.deep", "parts.other", "lazy"}
    first = code_sha256(tmp_path / "mine.py")
    (tmp_path / "unrelated.py").write_text("Z = 2\n")
    assert code_sha256(tmp_path / "mine.py") == first
    (tmp_path / "lazy.py").write_text("Y = 2\n")
    assert code_sha256(tmp_path / "mine.py") != first


def test_the_digest_of_code_covers_what_running_it_brought_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/elsewhere_for_tests.py").write_text("A = 1\n")
    (tmp_path / "by_name_for_tests.py").write_text("B = 1\n")
    mine = tmp_path / "mine.py"
    mine.write_text(
        f"import sys, importlib\nsys.path.insert(0, {str(tmp_path / 'lib')!r})\nimport elsewhere_for_tests\n"
        "helper = importlib.import_module('by_name_for_tests')\n"
    )
    run_file(mine)
    first = code_sha256(mine)
    assert {"elsewhere_for_tests", "by_name_for_tests"} <= set(imported_by(mine))
    for file in (tmp_path / "lib/elsewhere_for_tests.py", tmp_path / "by_name_for_tests.py"):
        before = file.read_text()
        file.write_text("C = 2\n")
        assert code_sha256(mine) != first
        file.write_text(before)
    assert code_sha256(mine) == first
