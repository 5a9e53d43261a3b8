"""The errors a user can mend, and those that say a number does not exist."""


class UserError(Exception):
    """Something the user can mend: the command line prints it without a traceback.

    The message says in one or two lines what was expected, what came and where, and what to do.
    """


class NotApplicable(UserError):  # noqa: N818 - it reads as what it says
    """A metric has no meaning for these predictions; the message says why and what to use instead."""


class NotAsked(NotApplicable):
    """A metric that needs something the user did not name; no note says so."""
