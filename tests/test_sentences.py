"""Guards over the sentences of the package: first lines of docstrings are sentences that begin with their subject."""

import ast
from collections.abc import Iterator
from pathlib import Path

import robustbench_cls

PACKAGE = Path(robustbench_cls.__file__).parent


def first_lines() -> Iterator[tuple[str, str]]:
    """Place and first line of every docstring; a line that goes on is given as far as its first full stop."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, kinds) and (text := ast.get_docstring(node)):
                yield f"{path.relative_to(PACKAGE)}:{getattr(node, 'lineno', 1)}", text.partition("\n\n")[0]


def test_no_docstring_begins_with_what() -> None:
    riddles = [place for place, text in first_lines() if text.startswith("What ")]
    assert not riddles, riddles


def test_first_lines_end_with_a_full_stop() -> None:
    open_ended = [place for place, text in first_lines() if not text.rstrip().endswith((".", ":", "`", '"""'))]
    assert not open_ended, open_ended
