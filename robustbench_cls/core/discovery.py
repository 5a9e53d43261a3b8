"""Finding corruptions, suites, recipes, metrics and report sections: a file is its own registration.

A new one is a new file in its package with one module-level instance; nothing else is edited. The
alternative, a decorator or a list, needs a second place that can be forgotten, and imports everything
to know anything.
"""

import difflib
import importlib
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Protocol as Interface
from typing import TypeVar

from robustbench_cls.core.errors import UserError


class Named(Interface):
    """Anything with a name to look it up by."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...


N = TypeVar("N", bound=Named)


def _instances(module: ModuleType, kind: type[N]) -> list[N]:
    """The instances of `kind` that `module` itself defines (imported ones carry another name)."""
    found = [value for value in vars(module).values() if isinstance(value, kind)]
    own = module.__name__.rpartition(".")[2]
    return [value for value in found if value.name.replace("-", "_") == own]


@cache
def _modules(package: str) -> tuple[ModuleType, ...]:
    root = importlib.import_module(package)
    return tuple(importlib.import_module(f"{package}.{info.name}") for info in pkgutil.iter_modules(root.__path__))


def discover(package: str, kind: type[N]) -> dict[str, N]:
    """Every instance of `kind` in the modules of `package`, by name, in alphabetical order."""
    found = [instance for module in _modules(package) for instance in _instances(module, kind)]
    return {instance.name: instance for instance in sorted(found, key=lambda instance: instance.name)}


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """A sentence that names the closest options, or all of them where none is close and they are few."""
    known = sorted(options)
    close = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.6)
    if close:
        return f"Did you mean {' or '.join(filter(None, (', '.join(close[:-1]), close[-1])))}?"
    return f"Known: {', '.join(known)}." if 0 < len(known) <= 25 else ""


def pick(name: str, options: Mapping[str, N], kind: str) -> N:
    """The option called `name`.

    Raises:
        UserError: there is none; the message offers the closest names.
    """
    if name not in options:
        raise UserError(f"Unknown {kind} '{name}'. {did_you_mean(name, options)}")
    return options[name]


def require_name(name: str, word: str) -> None:
    """Accept names that are safe as file names.

    Raises:
        UserError: it is not one.
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}", name):
        raise UserError(f"A {word}'s name is made of letters, digits and . _ + -, at most 100, not {name[:40]!r}.")


def load_file(path: Path, kind: type[N], word: str) -> N:
    """The one instance of `kind` in the Python file that the user named as code; the file is run.

    Raises:
        UserError: no such file, or it holds none or several.
    """
    if not path.is_file():
        raise UserError(f"There is no {word} file {path}.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} is not a Python file; a {word} of your own ends in .py.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (SyntaxError, ImportError) as error:
        raise UserError(f"{path} can't be loaded: {error}.") from error
    found: list[N] = [value for value in vars(module).values() if isinstance(value, kind) and not _ours(value)]
    if len(found) != 1:
        raise UserError(f"{path} must define exactly one {kind.__name__}, found {len(found)}.")
    require_name(found[0].name, word)
    return found[0]


def _ours(value: object) -> bool:
    """True for what a module of the package defines: a file may import it to build on it."""
    modules = [module for name, module in sys.modules.items() if name.startswith("robustbench_cls.")]
    return any(value is one for module in modules for one in vars(module).values())


def find(name: str, package: str, kind: type[N], word: str) -> N:
    """The instance called `name`, or the one in the `.py` file of that path."""
    if name.endswith(".py"):
        return load_file(Path(name), kind, word)
    return pick(name, discover(package, kind), word)
