"""Finding corruptions, suites, recipes, metrics and report sections: a file is its own registration.

A new one is a new file in its package with one module-level instance that bears the file's name; metrics are sorted
by theme, several a file. Nothing else is edited. What lies in a `.py` file that the user named as code is found beside
them, for as long as the process runs. The alternative, a decorator or a list, needs a second place that can be
forgotten, and imports everything to know anything.
"""

import difflib
import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Protocol as Interface
from typing import TypeVar

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.own_code import run_file
from robustbench_cls.core.records import require_types


class Named(Interface):
    """Anything with a name to look it up by."""

    @property
    def name(self) -> str:
        """The name."""
        ...


N = TypeVar("N", bound=Named)

_taken_in: dict[Path, ModuleType] = {}
"""Files that the user named as code, in the order first named."""


def discover(package: str, kind: type[N], *, several: bool = False) -> Mapping[str, N]:
    """Every instance of `kind` in the modules of `package` and in the user's files, by name, in alphabetical order.

    Args:
        several: a module may define several instances, of any names.

    Raises:
        UserError: an instance that no one would find by its name, or two of one name; the message names both.
    """
    found: Mapping[str, N] = _discovered(package, kind, several, own_files())
    return found


def own_files() -> tuple[ModuleType, ...]:
    """The files that the user named as code; what `discover` gives changes with them."""
    return tuple(_taken_in.values())


def own_file_of(instance: object) -> Path | None:
    """The file of the user's that defines an instance; None where it is the package's, or was made elsewhere."""
    holders = [path for path, module in _taken_in.items() if any(value is instance for value in vars(module).values())]
    return holders[0] if holders else None


@cache
def _discovered(package: str, kind: type[N], several: bool, files: tuple[ModuleType, ...]) -> Mapping[str, N]:
    found: dict[str, tuple[N, ModuleType]] = {}
    own = {id(instance): (instance, module) for module, instance in _homes(package, kind, several)}
    users = {id(value): (value, module) for module in files for value in _instances(module, kind)}
    for value, module in users.values():
        if id(value) not in own:
            require_types(value, f"{module.__file__}, {kind.__name__} '{value.name}'")
    for instance, module in {**users, **own}.values():
        other = found.get(instance.name)
        if other is not None:
            raise UserError(
                f"{other[1].__file__} and {module.__file__} both define the {kind.__name__.lower()} '{instance.name}'. "
                "Rename one."
            )
        found[instance.name] = instance, module
    return MappingProxyType({name: found[name][0] for name in sorted(found)})


def _homes(package: str, kind: type[N], several: bool) -> Iterator[tuple[ModuleType, N]]:
    """Each instance in a package once, with the module that it is found by.

    A module that imports an instance to build on it holds it too, so an instance is lost only where no module that
    holds it bears its name.
    """
    holders: dict[int, tuple[N, list[ModuleType]]] = {}
    for module in _modules(package):
        for instance in _instances(module, kind):
            holders.setdefault(id(instance), (instance, []))[1].append(module)
    for instance, modules in holders.values():
        wanted = instance.name.replace("-", "_")
        home = next((module for module in modules if module.__name__.rpartition(".")[2] == wanted), None)
        if home is None and not several:
            raise UserError(
                f"{modules[0].__file__} defines '{instance.name}' ({kind.__name__}), which is not found by that name. "
                f"Call the file {wanted}.py, or give the instance the file's name."
            )
        yield home or modules[0], instance


def packaged(package: str, kind: type[N]) -> list[N]:
    """The instances of `kind` that the package itself defines, without those of the user's files."""
    return [value for module in _modules(package) for value in _instances(module, kind)]


def _instances(module: ModuleType, kind: type[N]) -> list[N]:
    return [value for value in vars(module).values() if isinstance(value, kind)]


@cache
def _modules(package: str) -> tuple[ModuleType, ...]:
    root = importlib.import_module(package)
    return tuple(importlib.import_module(f"{package}.{info.name}") for info in pkgutil.iter_modules(root.__path__))


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """A sentence that names the closest options, or all of them where none is close and they are few."""
    known = sorted(options)
    close = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.6)
    if close:
        return f"Did you mean {' or '.join(filter(None, (', '.join(close[:-1]), close[-1])))}?"
    return f"Known: {', '.join(known)}." if 0 < len(known) <= 50 else ""


def pick(name: str, options: Mapping[str, N], kind: str) -> N:
    """The option called `name`.

    Raises:
        UserError: there is none; the message offers the closest names.
    """
    if name not in options:
        raise UserError(f"Unknown {kind} '{name}'. {did_you_mean(name, options)}")
    return options[name]


def is_file_name(name: str) -> bool:
    """Whether a name is safe as a file's: letters, digits and . _ + -, at most 100."""
    return re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}", name) is not None


def require_name(name: str, word: str) -> None:
    """Accept names that are safe as file names.

    Raises:
        UserError: it is not one.
    """
    if not is_file_name(name):
        raise UserError(f"A {word}'s name is made of letters, digits and . _ + -, at most 100, not {name[:40]!r}.")


def take_in(path: Path, word: str = "code") -> ModuleType:
    """Run a Python file that the user named as code; what it defines is found like the package's own from now on.

    Raises:
        UserError: no such file, or something is raised in it.
    """
    if not path.is_file():
        raise UserError(f"There is no {word} file {path}.")
    module = run_file(path)
    _taken_in[path.resolve()] = module
    return module


def load_file(path: Path, package: str, kind: type[N], word: str) -> N:
    """The one instance of `kind` in the Python file that the user named as code; the file is run.

    Raises:
        UserError: no such file, it holds none or several, or one whose name the package has given to another.
    """
    module = take_in(path, word)
    known = packaged(package, kind)
    found = [value for value in _instances(module, kind) if not any(value is one for one in known)]
    if len(found) != 1:
        raise UserError(f"{path} must define exactly one {kind.__name__}, found {len(found)}.")
    require_types(found[0], f"{path}, {kind.__name__} '{found[0].name}'")
    require_name(found[0].name, word)
    if found[0].name in {value.name for value in known}:
        raise UserError(f"{path} defines '{found[0].name}', and the package has a {word} of that name. Rename yours.")
    return found[0]


def find(name: str, package: str, kind: type[N], word: str) -> N:
    """The instance called `name`, or the one in the `.py` file of that path."""
    if name.endswith(".py"):
        return load_file(Path(name), package, kind, word)
    known = discover(package, kind)
    beside = Path(f"{name.replace('-', '_')}.py")
    if name not in known and beside.is_file():
        raise UserError(f"Unknown {word} '{name}'. There is a file {beside} here: name it with its ending.")
    return pick(name, known, word)
