"""How many threads or processes a run starts, and threads that end with the work."""

import contextlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

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


def writing_threads(asked: int | None) -> int:
    """Threads that make files: as many as asked for, else one a core; at most 256.

    Raises:
        UserError: under 1.
    """
    if asked is not None and asked < 1:
        raise UserError(f"--jobs must be 1 or more, got {asked}.")
    return min(asked or usable_cores(), MOST_WORKERS)


@contextlib.contextmanager
def thread_pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    """At least one thread; an error or Ctrl-C in the block drops the work that waits."""
    with ThreadPoolExecutor(max(threads, 1)) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
