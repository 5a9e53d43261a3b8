"""Progress bars with rate and time left. They move often on a terminal, and seldom in a log file."""

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn, TypeVar

from robustbench_cls.core.errors import for_terminal

if TYPE_CHECKING:
    from tqdm import tqdm

T = TypeVar("T")

_line = 0


def use_line(line: int) -> None:
    """Show this process's bars on the given line of the terminal, below those of processes beside it."""
    global _line
    _line = line


def _pause() -> float:
    """Seconds between two updates."""
    return 0.2 if sys.stderr.isatty() else 20.0


def notice(text: str) -> None:
    """Print a line for the user above the bars, on standard error; of torchrun's processes the first speaks for all."""
    if os.environ.get("RANK", "0") not in ("", "0"):
        return
    from tqdm import tqdm

    tqdm.write(f"robust: {for_terminal(text)}", file=sys.stderr)


def progress_bar(total: int, done: int, label: str, *, show: bool, unit: str = "img") -> "tqdm[NoReturn]":
    """A progress bar that starts at `done` of `total`."""
    from tqdm import tqdm

    return tqdm(
        total=total,
        initial=done,
        desc=label,
        unit=unit,
        disable=not show,
        mininterval=_pause(),
        dynamic_ncols=True,
        position=_line or None,
    )


def waiting_bar(total: int, label: str, *, show: bool, delay: float) -> "tqdm[NoReturn]":
    """A bar that a terminal shows after `delay` seconds, and that leaves no line behind."""
    from tqdm import tqdm

    return tqdm(
        total=total,
        desc=label,
        disable=not (show and sys.stderr.isatty()),
        delay=delay,
        mininterval=_pause(),
        leave=False,
        dynamic_ncols=True,
        position=_line or None,
    )


def progress_items(items: Iterable[T], /, *, desc: str, total: int) -> Iterable[T]:
    """Give the items one by one, and count them with a progress bar."""
    from tqdm import tqdm

    return tqdm(items, desc=desc, total=total, unit="img", mininterval=_pause(), dynamic_ncols=True)
