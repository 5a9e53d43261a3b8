"""Converted networks on disk: converting takes seconds, so a later start takes up the file of an earlier one.

They lie in the user's cache folder, the latest few of them. Whoever takes one up compares its answers with those of
PyTorch, as after a conversion: a key can't tell all that a network does.
"""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_cache_dir

from robustbench_cls.core.run import names_sha256

FOLDER = "ROBUSTBENCH_CLS_NETWORKS"
"""Variable of the environment that names another folder for them."""

OWN = re.compile(r"\.new-\w{8}|net-[0-9a-f]{24}")
"""Names of our folders; all others there are left alone."""

MOST = 6
"""Networks that are kept; the one used longest ago goes first."""


def _name(key: tuple[str, ...]) -> str:
    return f"net-{names_sha256(key)[:24]}"


def _home() -> Path:
    return Path(os.environ.get(FOLDER) or Path(user_cache_dir("robustbench_cls")) / "networks")


def kept(*key: str) -> Path | None:
    """The folder with the converted network of that key, marked as just used; None where there is none."""
    folder = _home() / _name(key)
    if not folder.is_dir():
        return None
    with contextlib.suppress(OSError):
        os.utime(folder)
    return folder


def keep(write: Callable[[Path], None], *key: str) -> Path:
    """A folder into which `write` has put a converted network; it is kept, where that is possible, for later starts."""
    home = _home()
    try:
        home.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".new-", dir=home))
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="robustbench_cls-"))
    try:
        write(folder)
        place = home / _name(key)
        if folder.parent == home and not place.exists():
            with contextlib.suppress(OSError):  # another process was first
                folder = folder.rename(place)
        _forget_old(home)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def forget(folder: Path) -> None:
    """Remove a network that is damaged, or is another one than its key says."""
    shutil.rmtree(folder, ignore_errors=True)


def _forget_old(home: Path) -> None:
    with contextlib.suppress(OSError):
        own = [path for path in home.iterdir() if OWN.fullmatch(path.name) and path.is_dir() and not path.is_symlink()]
        known = sorted(own, key=lambda path: path.stat().st_mtime, reverse=True)
        for folder in known[MOST:]:
            shutil.rmtree(folder, ignore_errors=True)
