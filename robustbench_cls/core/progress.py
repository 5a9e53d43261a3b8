"""Progress with rate and time left, on the terminal often and in a log file seldom."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn, TypeVar

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
    """A line for the user beside what was asked for; bars go on below it."""
    from tqdm import tqdm

    tqdm.write(f"robust: {text}", file=sys.stderr)


def progress_bar(total: int, done: int, label: str, *, show: bool, unit: str = "img") -> "tqdm[NoReturn]":
    """A bar that starts at `done` of `total`."""
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


def progress_items(items: Iterable[T], /, *, desc: str, total: int) -> Iterable[T]:
    """The items, with a bar that counts them."""
    from tqdm import tqdm

    return tqdm(items, desc=desc, total=total, unit="img", mininterval=_pause(), dynamic_ncols=True)
