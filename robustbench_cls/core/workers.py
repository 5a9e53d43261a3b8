"""How many threads or processes a run starts."""

import os

from robustbench_cls.core.errors import UserError

MOST_WORKERS = 256


def usable_cores() -> int:
    """The processor's cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def loading_workers(asked: int | None) -> int:
    """Threads or processes for loading: as many as asked for, else one a core and at most 16.

    Raises:
        UserError: under 0 or over 256.
    """
    if asked is None:
        return min(usable_cores(), 16)
    if not 0 <= asked <= MOST_WORKERS:
        raise UserError(f"--workers must lie in 0..{MOST_WORKERS}, got {asked}.")
    return asked
