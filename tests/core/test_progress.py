"""Lines for the user on standard error."""

import pytest

from robustbench_cls.core.progress import notice


@pytest.mark.parametrize(("rank", "told"), [(None, True), ("0", True), ("", True), ("1", False), ("7", False)])
def test_of_torchruns_processes_the_first_speaks_for_all(
    rank: str | None, told: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("RANK", raising=False)
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    notice("Preparing.")
    assert capsys.readouterr().err == ("robust: Preparing.\n" if told else "")


def test_control_characters_and_very_long_names_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    notice("a\x1b[31mred\udcff" + "x" * 5000)
    shown = capsys.readouterr().err
    assert shown.startswith("robust: a\\x1b[31mred\\udcffxxx") and " [...] " in shown and len(shown) < 1100
