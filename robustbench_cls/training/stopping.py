"""Ctrl-C and SIGTERM during a training: the step is finished and stored before the process ends."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether the user or the system asked the process to end."""

    def __init__(self) -> None:
        self.asked = 0
        self._before: dict[int, Any] = {}

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Note a signal; a second one ends the process at once, as it would have without us."""
        if self.asked:
            self._give_back()
            signal.raise_signal(number)
        self.asked = number

    def __enter__(self) -> "Stop":
        """Take the signals; only a process's main thread can."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self) for number in SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Give the signals back."""
        self._give_back()

    def _give_back(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def obey(self) -> None:
        """End as the signal would have."""
        self._give_back()
        signal.raise_signal(self.asked or signal.SIGTERM)
        raise KeyboardInterrupt  # a handler of the caller's returned


@contextmanager
def deterministic(on: bool) -> Iterator[None]:
    """PyTorch's deterministic algorithms for as long as the block runs, on devices where that is a choice."""
    import torch

    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(on or before, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
