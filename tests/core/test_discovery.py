from collections.abc import Callable
from pathlib import Path

import pytest

from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.discovery import discover, find, pick, take_in
from robustbench_cls.core.errors import UserError
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.recipe import Recipe
from robustbench_cls.core.suite import Suite
from robustbench_cls.metrics.scoring import all_metrics
from robustbench_cls.report.section import Section

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
    with pytest.raises(UserError, match="Known: arcface, augmix, autoaugment"):
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
        with pytest.raises(UserError, match=r"mine\.py, line 1: (SyntaxError|ModuleNotFoundError): "):
            find(str(tmp_path / "mine.py"), "robustbench_cls.recipes", Recipe, "recipe")


def test_a_file_may_build_on_what_it_imports(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from dataclasses import replace\n"
        "from robustbench_cls.suites.imagenet_c import SUITE\n"
        "MINE = replace(SUITE, name='mine')\n"
    )
    assert find(str(tmp_path / "mine.py"), "robustbench_cls.suites", Suite, "suite").name == "mine"


KINDS = {
    "corruption": (Corruption, "Corruption(name='{}', group='g', source='https://example.org', apply=None)"),
    "recipe": (Recipe, "Recipe(name='{}', title='t', source='https://example.org')"),
    "section": (Section, "Section(name='{}', title='t', order=1, render=None)"),
    "suite": (Suite, "replace(SUITE, name='{}')"),
}
IMPORTS = """
from dataclasses import replace
from robustbench_cls.core.corruption import Corruption
from robustbench_cls.core.metric import Metric
from robustbench_cls.core.recipe import Recipe
from robustbench_cls.core.scopes import SUITE as WHOLE_SUITE
from robustbench_cls.core.suite import Suite
from robustbench_cls.report.section import Section
from robustbench_cls.suites.imagenet_c import SUITE
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """A function that writes a package of such modules and gives its name."""

    def make(name: str, **modules: str) -> str:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").touch()
        for module, code in modules.items():
            (folder / f"{module}.py").write_text(IMPORTS + code)
        monkeypatch.syspath_prepend(tmp_path)
        return name

    return make


@pytest.mark.parametrize("kind", KINDS)
def test_a_misnamed_file_of_each_kind_is_refused(kind: str, package: Callable[..., str]) -> None:
    cls, code = KINDS[kind]
    named = package(f"named_{kind}", my_own=f"MINE = {code.format('my-own')}\nSUITE = None\n")
    assert set(discover(named, cls)) == {"my-own"}
    misnamed = package(f"misnamed_{kind}", my_own=f"MINE = {code.format('other')}\nSUITE = None\n")
    with pytest.raises(UserError, match=rf"my_own\.py defines 'other' \({cls.__name__}\).*Call the file other\.py"):
        discover(misnamed, cls)


def test_an_instance_that_others_build_on_is_found_once(package: Callable[..., str]) -> None:
    modules = {
        "first": "FIRST = replace(SUITE, name='first')\nSUITE = None\n",
        "second": "SUITE = None\nfrom building.first import FIRST\nSECOND = replace(FIRST, name='second')\n",
    }
    assert set(discover(package("building", **modules), Suite)) == {"first", "second"}


METRIC = (
    "Metric(name='{}', title='t', scope=WHOLE_SUITE, unit='number', higher_is_better=False, "
    "source='https://example.org', compute=print)"
)


def test_several_metrics_a_file_and_no_two_of_a_name(package: Callable[..., str]) -> None:
    two = f"A = {METRIC.format('a')}\nB = {METRIC.format('b')}\n"
    assert set(discover(package("themes", one=two), Metric, several=True)) == {"a", "b"}
    twice = package("twice", one=two, other=f"B = {METRIC.format('b')}\n")
    with pytest.raises(UserError, match=r"one\.py and .*other\.py both define the metric 'b'\. Rename one\."):
        discover(twice, Metric, several=True)


def test_what_a_file_of_the_users_defines_is_found_beside_the_packages(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(IMPORTS + f"A = {METRIC.format('my_metric')}\n")
    assert "my_metric" not in all_metrics()
    take_in(tmp_path / "own.py")
    assert "my_metric" in all_metrics() and "mce" in all_metrics()
    (tmp_path / "again.py").write_text(IMPORTS + f"A = {METRIC.format('mce')}\n")
    take_in(tmp_path / "again.py")
    with pytest.raises(UserError, match=r"again\.py and .*corruption_error\.py both define the metric 'mce'"):
        all_metrics()


@pytest.mark.parametrize(("kind", "name"), [("suite", "imagenet-c"), ("recipe", "cutmix")])
def test_a_users_own_may_not_bear_a_name_of_the_packages(kind: str, name: str, tmp_path: Path) -> None:
    cls, code = KINDS[kind]
    (tmp_path / "own.py").write_text(IMPORTS + f"MINE = {code.format(name)}\n")
    with pytest.raises(UserError, match=f"defines '{name}', and the package has a {kind} of that name. Rename yours"):
        find(str(tmp_path / "own.py"), f"robustbench_cls.{kind}s", cls, kind)
