"""Errors that the user can mend, and errors that say that a number does not exist."""

from textwrap import shorten


class UserError(Exception):
    """An error that the user can mend. The command line prints it without a traceback.

    The message says in one or two lines what was expected, what came and where, and what to do.
    """


class NotApplicable(UserError):  # noqa: N818 - it reads as what it says
    """A metric that has no meaning for these predictions. The message says why, and what to use instead."""


class NotAsked(NotApplicable):
    """A metric that needs images or an option (such as a baseline) that the user did not name. No note says so."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message, at most 200 characters, or the error's type where it has no message."""
    line = str(error).strip().partition("\n")[0]
    return shorten(line, 200, placeholder=" ...").rstrip(". ") or type(error).__name__
