"""Errors that the user can mend, and errors that say that a number does not exist."""

from collections.abc import Sequence
from textwrap import shorten


class UserError(Exception):
    """An error that the user can mend. The command line prints it without a traceback.

    The message says in one or two lines what was expected, what came and where, and what to do.
    """


class NotApplicable(UserError):  # noqa: N818 - it reads as what it says
    """A metric that has no meaning for these predictions. The message says why, and what to use instead."""


class NotAsked(NotApplicable):
    """A metric that needs images or an option (such as a baseline) that the user did not name. No note says so."""


LONGEST = 1000
"""Characters of the longest message; a longer one quotes something that is longer than a reader wants."""


def for_terminal(message: str) -> str:
    """A message as it can be printed: the middle of a very long one is left out, control characters are escaped."""
    told = message if len(message) <= LONGEST else f"{message[: LONGEST // 2]} [...] {message[-LONGEST // 2 :]}"
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in told)


def first_line(error: BaseException) -> str:
    """The first line of an error's message, at most 200 characters, or the error's type where it has no message."""
    line = str(error).strip().partition("\n")[0]
    return shorten(line, 200, placeholder=" ...").rstrip(". ") or type(error).__name__


def first_difference(ones: Sequence[object], others: Sequence[object]) -> str:
    """Where two lists begin to differ, in words."""
    for place, (one, other) in enumerate(zip(ones, others, strict=False)):
        if one != other:
            return f"number {place + 1} is {str(one)[:60]!r} != {str(other)[:60]!r}"
    return f"{len(ones)} != {len(others)} of them"
