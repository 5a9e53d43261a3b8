"""Files that appear whole, and locks."""

import subprocess
import sys
from pathlib import Path

import pytest

from robustbench_cls.core.errors import UserError
from robustbench_cls.core.files import atomic, locked, remove_leftovers


def test_a_link_stays_and_its_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/scores.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real/scores.csv")
    with atomic(tmp_path / "link.csv") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link.csv").is_symlink() and (tmp_path / "real/scores.csv").read_text() == "new"


@pytest.mark.parametrize("place", ["/dev/null", "folder"])
def test_devices_and_folders_are_not_replaced(place: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=r"is no file but a (device|folder)\. Name a file"), atomic(tmp_path / place):
        raise AssertionError("it began to write")
    assert Path("/dev/null").is_char_device()


HOLD = """
import sys, time
from pathlib import Path
from robustbench_cls.core.files import locked
with locked(Path(sys.argv[1]), shared=sys.argv[2] == "shared") as held:
    print(held, flush=True)
    time.sleep(60)
"""


def holder(path: Path, kind: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path), kind], stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "True\n"
    return process


def test_the_last_holder_of_a_lock_removes_its_file(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with locked(path) as held:
        assert held and path.exists()
    assert not path.exists()
    with locked(path, shared=True), locked(path, shared=True):
        assert path.exists()
    assert not path.exists()


@pytest.mark.parametrize("kind", ["alone", "shared"])
def test_a_killed_holder_frees_its_lock(kind: str, tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    process = holder(path, kind)
    try:
        with locked(path) as held:
            assert not held
        with locked(path, shared=True) as held:
            assert held == (kind == "shared")
        assert path.exists()
    finally:
        process.kill()
        process.wait()
    with locked(path) as held:
        assert held
    assert not path.exists()


MANY = """
import sys
from pathlib import Path
from robustbench_cls.core.files import locked
lock, counter = Path(sys.argv[1]), Path(sys.argv[2])
for _ in range(200):
    with locked(lock, wait=True) as held:
        assert held
        counter.write_text(str(int(counter.read_text()) + 1))
"""


def test_a_lock_that_is_removed_all_the_time_keeps_processes_apart(tmp_path: Path) -> None:
    (tmp_path / "n").write_text("0")
    command = [sys.executable, "-c", MANY, str(tmp_path / ".lock"), str(tmp_path / "n")]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    assert (tmp_path / "n").read_text() == "800" and not (tmp_path / ".lock").exists()


def test_only_own_leftovers_are_removed(tmp_path: Path) -> None:
    for name in (".best.pt.abcdefgh.tmp", ".mine.tmp", "best.pt.tmp", ".log.csv.12345678.tmp"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path, ["best.pt"])
    assert {p.name for p in tmp_path.iterdir()} == {".mine.tmp", "best.pt.tmp", ".log.csv.12345678.tmp"}
