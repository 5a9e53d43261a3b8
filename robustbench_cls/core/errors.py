"""The errors a user can mend, and those that say a number does not exist."""

from textwrap import shorten


class UserError(Exception):
    """Something the user can mend: the command line prints it without a traceback.

    The message says in one or two lines what was expected, what came and where, and what to do.
    """


class NotApplicable(UserError):  # noqa: N818 - it reads as what it says
    """A metric has no meaning for these predictions; the message says why and what to use instead."""


class NotAsked(NotApplicable):
    """A metric that needs something the user did not name; no note says so."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message, at most 200 characters; its kind where it has none."""
    line = str(error).strip().partition("\n")[0]
    return shorten(line, 200, placeholder=" ...").rstrip(". ") or type(error).__name__
