"""Files that appear whole or not at all."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from robustbench_cls.core.errors import UserError

RUNS = Path("reports/runs")
"""Default of `--out`: the folder of all results, with one folder for each model."""

CROPS = Path("reports/crops")
"""Default of `--crops`: the folder that keeps decoded crops for all models and later runs."""


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`. It is renamed to `path` when the block ends well, and removed when not.

    Where `path` is a link to a file, that file is written, and the link stays.

    Raises:
        UserError: the disk is full or not writable, or `path` is a folder or a device. Files stored before stay as they
            are.
    """
    path = path.resolve() if path.is_symlink() else path
    if path.exists() and not path.is_file():
        raise UserError(f"{path} is no file but a {'folder' if path.is_dir() else 'device'}. Name a file.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    except OSError as error:
        raise _not_writable(path.parent, error) from error
    os.close(handle)
    try:
        yield Path(name)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError as error:
        raise UserError(
            f"Could not write {path}: {error.strerror or error}. Nothing stored before is lost; "
            "make room and start the same command again."
        ) from error
    finally:
        Path(name).unlink(missing_ok=True)


def remove_leftovers(folder: Path, names: Sequence[str]) -> None:
    """Remove temporary files of processes that were killed while they wrote files of these names.

    Args:
        folder: no other process is writing into it.
        names: `*` stands for any.
    """
    for name in names:
        for leftover in folder.rglob(f".{name}.????????.tmp"):
            leftover.unlink(missing_ok=True)


def require_writable(folder: Path) -> None:
    """Check that files can be written into a folder, which may not be there yet: now, not after hours of work.

    Raises:
        UserError: they can't.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise UserError(f"Can't write into {folder}: {there} is no folder. Choose another folder.")
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise _not_writable(folder, error) from error


def _not_writable(folder: Path, error: OSError) -> UserError:
    return UserError(f"Can't write into {folder}: {error.strerror or error}. Choose another folder.")


def require_file(path: Path) -> None:
    """Find out whether a file that the user named is there.

    Raises:
        UserError: it isn't.
    """
    if not path.is_file():
        raise UserError(f"There is no file {path}.")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Store a JSON file, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@contextlib.contextmanager
def locked(path: Path, *, shared: bool = False, wait: bool = False) -> Iterator[bool]:
    """Hold a lock on a file. When a process is killed, its locks are free again, and the file stays.

    Args:
        path: the lock's file; the last one to hold it removes it.
        shared: let other processes that also ask for a shared lock hold it at the same time.
        wait: wait until the lock is free.

    Yields:
        True while this process holds the lock, False where another process does. Always True on systems and file
        systems without such locks, and in folders that can't be written.
    """
    try:
        import fcntl
    except ImportError:  # Windows has no such locks
        yield True
        return
    kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    try:
        file = _lock_file(path, kind)
    except BlockingIOError:
        yield False
        return
    except OSError:  # some network file systems have no locks, and some folders can't be written
        yield True
        return
    with file:
        try:
            yield True
        finally:
            with contextlib.suppress(OSError):  # another process holds it too
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)


def _lock_file(path: Path, kind: int) -> TextIO:
    """The open and locked file of that path; it is opened anew where its last holder removed it meanwhile.

    Raises:
        BlockingIOError: another process holds it.
        OSError: there can be no such lock.
    """
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        file = path.open("a")
        try:
            fcntl.flock(file, kind)
            with contextlib.suppress(FileNotFoundError):  # its last holder has just removed it
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    return file
        except OSError:
            file.close()
            raise
        file.close()
