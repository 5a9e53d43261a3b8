"""Runs many command lines in one process in which PyTorch can't be imported; a JSON list in, a JSON list out.

Each command line is a list of arguments. The output tells of each `code`, the exit status; `stdout`; `stderr`; and
`torch`, whether the command began to import PyTorch, which ends it.
"""

import contextlib
import io
import json
import sys
from importlib.abc import MetaPathFinder

from robustbench_cls.cli.main import main


class TorchWanted(BaseException):
    """The command begins to import PyTorch."""


class Barrier(MetaPathFinder):
    """Stops whoever imports PyTorch."""

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        if name == "torch":
            raise TorchWanted


def run(arguments: list[str]) -> dict[str, object]:
    """One command line."""
    sys.argv = ["robust", *arguments]
    stdout, stderr, code, torch = io.StringIO(), io.StringIO(), 0, False
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        except TorchWanted:
            torch = True
    return {"code": code, "stdout": stdout.getvalue(), "stderr": stderr.getvalue(), "torch": torch}


if __name__ == "__main__":
    sys.meta_path.insert(0, Barrier())
    sys.modules["openvino"] = None  # type: ignore[assignment]  # as where it is not installed
    told = [run(arguments) for arguments in json.load(sys.stdin)]
    json.dump(told, sys.stdout)
