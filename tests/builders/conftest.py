"""Fixtures of the builders' tests."""

from collections.abc import Callable

import pytest


@pytest.fixture
def stop_after() -> Callable[[int], Callable[[int, int], Callable[[int], None]]]:
    """A function that gives a `progress` which presses Ctrl-C after more than so many files."""

    def stop(limit: int) -> Callable[[int, int], Callable[[int], None]]:
        seen = 0

        def progress(total: int, done: int) -> Callable[[int], None]:
            def advance(made: int) -> None:
                nonlocal seen
                seen += made
                if seen > limit:
                    raise KeyboardInterrupt

            return advance

        return progress

    return stop
