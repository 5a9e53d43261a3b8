"""Recipes in files of the user's own: edits are noticed, and what goes wrong in them is one line."""

import sys
from pathlib import Path

import pytest

from robustbench_cls.cli import main as program
from robustbench_cls.core.errors import UserError
from robustbench_cls.training.options import TrainingOptions
from robustbench_cls.training.train import train

RECIPE = """
from robustbench_cls.core.recipe import Recipe

LEVEL = 3


def augment(size, strength):
    def run(image):
        return image.point(lambda value: value // 2 * LEVEL)
    return run


def mix(num_classes, strength):
    return None


RECIPE = Recipe(name="mine", title="Mine", source="https://example.org", augment=augment, mix=mix,
                settings={"strength": 2}, regimen={"": {"lr": 0.05}})
"""

SHORT = {"epochs": 1, "batch_size": 12, "input_size": 32}


def write(folder: Path, *changes: tuple[str, str]) -> Path:
    text = RECIPE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "mine.py"
    path.write_text(text)
    return path


@pytest.fixture
def robust(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """A function that trains by the command line, in this process, and gives status and what stderr shows last."""

    def run(recipe: Path, workers: int = 0) -> tuple[int, str]:
        settings = [word for name, value in SHORT.items() for word in ("--set", f"{name}={value}")]
        arguments = ["train", "--model", "test_resnet", "--recipe", recipe, "--data", toy, "--out", tmp_path / "out"]
        monkeypatch.setattr(sys, "argv", ["robust", *map(str, [*arguments, "--workers", workers, *settings])])
        try:
            program.main()
        except SystemExit as end:
            return int(end.code or 0), capsys.readouterr().err.rstrip().rpartition("\n")[2]
        return 0, ""

    return run


def test_a_recipe_that_is_edited_is_another_training(robust, toy: Path, tmp_path: Path) -> None:
    options = TrainingOptions(data=toy, overrides=SHORT, out=tmp_path / "out", workers=0, progress=False)
    path = write(tmp_path)
    train("test_resnet", str(path), options)
    assert robust(path)[0] == 0
    write(tmp_path, ("LEVEL = 3", "LEVEL = 2"))
    with pytest.raises(UserError, match=r"out holds another training \(the text of the recipe's file: \w+ != \w+\)"):
        train("test_resnet", str(path), options)
    assert "holds another training (the text of the recipe's file: " in robust(path)[1]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_augmentation_that_raises_in_the_loop(robust, workers: int, tmp_path: Path) -> None:
    path = write(tmp_path, ("value // 2 * LEVEL", "value // 0"))
    status, told = robust(path, workers)
    assert (status, told) == (2, f"robust: {path}, line 9: ZeroDivisionError: integer division or modulo by zero.")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("LEVEL = 3", "raise RuntimeError('no luck')"), "mine.py, line 4: RuntimeError: no luck."),
        (("LEVEL = 3", "import sys; sys.exit(0)"), "mine.py, line 4: SystemExit: 0."),
        (("LEVEL = 3", "raise GeneratorExit"), "mine.py, line 4: GeneratorExit"),
        (("LEVEL = 3", "LEVEL = undefined"), "mine.py, line 4: NameError: name 'undefined' is not defined."),
        (("return None", "return 1 / 0"), "mine.py, line 14: ZeroDivisionError: division by zero."),
        (("return None", "exit()"), "mine.py, line 14: SystemExit"),
        (("return None", "return lambda images, labels: images[0, 0, 0, 99]"), "mine.py, line 14: IndexError: "),
        (("return None", "return lambda images, labels: (images[:, :2], labels)"), "The recipe's mix must give images"),
        (("augment=augment", "augment=5"), "mine.py, Recipe 'mine': augment must be a function, got 5."),
        (('settings={"strength": 2}', "settings=7"), "mine.py, Recipe 'mine': settings can't be 7."),
        (('{"": {"lr": 0.05}}', '{"": {"lr": [1]}}'), "mine.py, Recipe 'mine': regimen can't be {'': {'lr': [1]}}."),
        (('name="mine"', "name=7"), "mine.py, Recipe '7': name can't be 7."),
        (('title="Mine"', 'titel="Mine"'), "mine.py, line 17: TypeError: Recipe.__init__() got an unexpected keyword"),
        (("return image.point", "return 0 * image.point"), "mine.py, line 9: TypeError"),
        (
            ("return run", "return lambda image: None"),
            "The recipe's augmentation must give a PIL image, it gave NoneType",
        ),
        (("(size, strength)", "(strength)"), "Recipe 'mine' can't augment with {'strength': 2}"),
        (
            ('{"strength": 2}', '{"strength": 2, "idle": 1}'),
            "Recipe 'mine': no function of it takes the setting 'idle'",
        ),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_what_goes_wrong_in_a_recipe_is_one_line(robust, change: tuple[str, str], why: str, tmp_path: Path) -> None:
    status, told = robust(write(tmp_path, change))
    assert status == 2 and told.startswith("robust: ")
    assert why in told


def test_a_loading_process_that_the_system_kills(robust, tmp_path: Path) -> None:
    killed = "return __import__('os').kill(__import__('os').getpid(), 9)"
    status, told = robust(write(tmp_path, ("return image.point(lambda value: value // 2 * LEVEL)", killed)), 2)
    assert status == 2
    assert "A process that loads images was ended by the system" in told and "--workers 0." in told
