"""Compiling ahead: seen where it lasts, silent where all lies in the cache."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from robustbench_cls.core.corruption import Corruption
from robustbench_cls.corruptions import compiling
from robustbench_cls.corruptions.compiling import compile_corruptions
from robustbench_cls.corruptions.engine import all_corruptions

USE = """
import sys
from robustbench_cls.corruptions import compiling
from robustbench_cls.corruptions.compiling import compile_corruptions
from robustbench_cls.corruptions.engine import all_corruptions
from robustbench_cls.corruptions import spatter
compiling.PATIENCE = float(sys.argv[1])
compile_corruptions([(all_corruptions()["spatter"], 1, "published")])
print(len(spatter._emboss.compiled().signatures), len(spatter._add_mud.compiled().signatures))
print(spatter._emboss.compiled().stats.cache_misses.total())
"""


def test_the_first_use_is_told_and_later_ones_are_silent(tmp_path: Path) -> None:
    empty = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    first, later = (
        subprocess.run([sys.executable, "-c", USE, patience], env=empty, capture_output=True, text=True)
        for patience in ("0.2", "60")  # a busy machine takes seconds to read the cache
    )
    assert (first.stdout.split(), later.stdout.split()) == (["1", "0", "1"], ["1", "0", "0"])  # of severity 1 alone
    assert first.stderr.startswith("robust: Compiling the corruptions for this processor") and not later.stderr


def test_a_quiet_caller_is_told_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(compiling, "PATIENCE", -1.0)
    compile_corruptions([(all_corruptions()["contrast"], 1, "published")], show=False)
    assert not capsys.readouterr().err
    compile_corruptions([(all_corruptions()["contrast"], severity, "published") for severity in (1, 2)])
    assert capsys.readouterr().err.count("Compiling") == 1


def test_corruptions_of_the_users_own_are_not_called() -> None:
    def fails(*_: object) -> None:
        raise AssertionError

    own = replace(all_corruptions()["contrast"], name="mine", apply=fails, digests={})
    assert isinstance(own, Corruption)
    compile_corruptions([(own, 1, "published")])
