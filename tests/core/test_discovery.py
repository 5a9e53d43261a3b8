from pathlib import Path

import pytest

from robustbench_cls.core.discovery import discover, find, load_file, pick
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.recipe import Recipe
from robustbench_cls.core.suite import Suite

OWN_RECIPE = """
from robustbench_cls.core.recipe import Recipe
MINE = Recipe(name="mine", title="Mine", source="https://example.org/paper")
"""


def test_a_file_is_its_own_registration() -> None:
    found = discover("robustbench_cls.suites", Suite)
    files = Path(__file__).parents[2] / "robustbench_cls" / "suites"
    assert {name.replace("-", "_") for name in found} == {p.stem for p in files.glob("*.py")} - {"__init__"}


def test_a_close_name_is_offered() -> None:
    with pytest.raises(UserError, match=r"Unknown recipe 'cutmx'\. Did you mean cutmix\?"):
        pick("cutmx", discover("robustbench_cls.recipes", Recipe), "recipe")


def test_all_names_are_offered_where_none_is_close() -> None:
    with pytest.raises(UserError, match="Known: autoaugment, baseline, cutmix"):
        pick("zzzzzz", discover("robustbench_cls.recipes", Recipe), "recipe")


def test_a_file_of_the_users_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(OWN_RECIPE)
    assert find(str(path), "robustbench_cls.recipes", Recipe, "recipe").name == "mine"


@pytest.mark.parametrize("text", ["", OWN_RECIPE + OWN_RECIPE.replace("MINE", "YOURS")])
def test_a_file_with_none_or_two(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(UserError, match="must define exactly one Recipe"):
        find(str(path), "robustbench_cls.recipes", Recipe, "recipe")


def test_a_missing_file() -> None:
    with pytest.raises(UserError, match=r"no recipe file gone\.py"):
        find("gone.py", "robustbench_cls.recipes", Recipe, "recipe")


def test_a_file_that_is_no_python(tmp_path: Path) -> None:
    for text in ("def (", "import no_such_module_anywhere"):
        (tmp_path / "mine.py").write_text(text)
        with pytest.raises(UserError, match=r"mine\.py can't be loaded"):
            find(str(tmp_path / "mine.py"), "robustbench_cls.recipes", Recipe, "recipe")


def test_a_file_may_build_on_what_it_imports(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from dataclasses import replace\n"
        "from robustbench_cls.suites.imagenet_c import SUITE\n"
        "MINE = replace(SUITE, name='mine')\n"
    )
    assert load_file(tmp_path / "mine.py", Suite, "suite").name == "mine"
