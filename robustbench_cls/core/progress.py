"""Progress with rate and time left, on the terminal often and in a log file seldom."""

import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from tqdm import tqdm


def progress_bar(total: int, done: int, label: str, *, show: bool) -> "tqdm[NoReturn]":
    """A bar over images that starts at `done` of `total`."""
    from tqdm import tqdm

    pause = 0.2 if sys.stderr.isatty() else 20.0
    return tqdm(
        total=total, initial=done, desc=label, unit="img", disable=not show, mininterval=pause, dynamic_ncols=True
    )
