"""Python files that the user names as code: running them, what goes wrong in them, and a digest of what they do."""

import ast
import contextlib
import hashlib
import importlib.util
import sys
import sysconfig
import traceback
from collections.abc import Collection, Iterator
from modulefinder import ModuleFinder
from pathlib import Path
from types import ModuleType

from robustbench_cls.core.errors import UserError, first_line

PACKAGE = __name__.partition(".")[0]

_run: dict[Path, frozenset[str]] = {}
"""Files that were run, each with the names of the modules that were there before."""


def run_file(path: Path) -> ModuleType:
    """The module that a Python file makes; modules beside the file can be imported, as for a script.

    Raises:
        UserError: it is no Python file, or something is raised in it; the message names the line.
    """
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} is not a Python file; its name must end in .py.")
    module = importlib.util.module_from_spec(spec)
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    _run.setdefault(path.resolve(), frozenset(sys.modules))
    with named_line(path):
        spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def named_line(path: Path) -> Iterator[None]:
    """Whatever is raised in the block, which runs this file of the user's, names file, line and error in one line.

    Raises:
        UserError: instead of it; the cause stays behind it.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the user's code raises what it likes
        raise _told(error, str(path), _line(error, {path.resolve()})) from error


@contextlib.contextmanager
def named_lines() -> Iterator[None]:
    """As `named_line`, for what is raised by way of any file that the user named; all else stays as it is."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the user's code raises what it likes
        place = blamed(error)
        if place is None or isinstance(error, UserError):
            raise
        raise _told(error, *place) from error


def blamed(error: BaseException) -> tuple[str, int] | None:
    """The last line of a file that the user named by way of which an error was raised, as file and line."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).resolve() in _run]
    return (frames[-1].filename, frames[-1].lineno or 0) if frames else None


def _line(error: BaseException, files: Collection[Path]) -> int:
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).resolve() in files:
        return error.lineno or 0
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).resolve() in files]
    return (lines[-1] if lines else 0) or 0


def _told(error: BaseException, file: str, line: int) -> UserError:
    place = f"{file}, line {line}" if line else file
    if isinstance(error, UserError):
        return UserError(f"{place}: {error}")
    return UserError(f"{place}: {type(error).__name__}: {first_line(error)}.")


def code_sha256(path: Path) -> str:
    """A SHA-256 hex digest of a Python file and of the user's modules that it imports, and these in turn.

    Modules beside the file or below count whether they are imported or may be; modules elsewhere that running the file
    brought in count too. Installed packages do not: their versions are stored with each result.
    """
    return hashlib.sha256(_modules_of(path) + path.read_bytes()).hexdigest()


def text_sha256(path: Path, without: tuple[type, ...]) -> str:
    """A SHA-256 hex digest of a Python file's syntax and of the modules that it imports.

    Comments and layout do not count, and neither do assignments of instances of the types `without`.
    """
    names = {type_.__name__ for type_ in without}
    tree = ast.parse(path.read_bytes())
    kept = [
        node
        for node in tree.body
        if not (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call)
            and isinstance(node.value.func, ast.Name)
            and node.value.func.id in names
        )
    ]
    return hashlib.sha256("\n".join(ast.dump(node) for node in kept).encode() + _modules_of(path)).hexdigest()


def _modules_of(path: Path) -> bytes:
    """Names and texts of the user's modules that a Python file imports."""
    return b"".join(f"{name}\0".encode() + file.read_bytes() for name, file in sorted(imported_by(path).items()))


def imported_by(path: Path) -> dict[str, Path]:
    """The files of the user's modules that a Python file imports, and these in turn, by the modules' names."""
    finder = ModuleFinder(path=[str(path.resolve().parent)], excludes=[PACKAGE])
    with contextlib.suppress(SyntaxError, ValueError, OSError):  # of a file that only a function never called imports
        finder.run_script(str(path))
    files = {name: getattr(module, "__file__", None) for name, module in finder.modules.items()}
    static = {name: Path(file) for name, file in files.items() if file and name != "__main__" and file.endswith(".py")}
    return {**_brought_in(path), **static}


def _brought_in(path: Path) -> dict[str, Path]:
    """Modules of the user's that are there since the file was run: imports by name, or from elsewhere."""
    before = _run.get(path.resolve())
    if before is None:
        return {}
    installed = [Path(sysconfig.get_path(kind)).resolve() for kind in ("stdlib", "platstdlib", "purelib", "platlib")]
    installed.append(Path(__file__).resolve().parents[1])
    found = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name in before or not file or not file.endswith(".py") or not Path(file).is_file():
            continue
        place = Path(file).resolve()
        if not any(place.is_relative_to(folder) for folder in installed) and "site-packages" not in place.parts:
            found[name] = place
    return found
