"""Ctrl-C as a report among others, so that it never comes while a run keeps its books."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self


class Interrupts:
    """Holds back, while it is entered, what Ctrl-C and SIGTERM raise; `wake` is called, so that `check` is called soon.

    Where waiting may take long, `allowed` lets it through. Only the main thread is interrupted, so that in any other
    nothing is held back; neither is a signal that nobody handles.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self._is_allowed = False
        self._came: int | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                handler = signal.getsignal(number)
                if callable(handler):
                    self._handlers[number] = handler
                    signal.signal(number, self._hold_back)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if error is None:
            self.check()  # it came too late to stop anything, and is not to be lost

    def check(self) -> None:
        """Raise what was held back, a KeyboardInterrupt as a rule."""
        if self._came is not None:
            number, self._came = self._came, None
            self._handlers[number](number, None)

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """The body may be interrupted anywhere, and is at once where it should have been before."""
        try:
            self._is_allowed = True
            self.check()
            yield
        finally:
            self._is_allowed = False

    def _hold_back(self, number: int, frame: FrameType | None) -> None:
        if self._is_allowed:
            self._is_allowed = False
            self._handlers[number](number, frame)
        else:
            self._came = number
            self._wake()
