"""Ctrl-C and SIGTERM as a polite question: finish what must not be cut short, then end."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType

_log = logging.getLogger(__name__)

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """While this context lasts, the first signal is noted and the second one ends at once.

    Outside the main thread, where Python allows no handlers, nothing is changed.

    Attributes:
      signal: the signal that came, or None.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                # Ignored signals stay ignored (`nohup`); None belongs to no Python code.
                if handler not in (signal.SIG_IGN, None):
                    self._previous[number] = handler
            for number in tuple(self._previous):
                signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._restore()

    @property
    def requested(self) -> bool:
        """Says whether a signal has come."""
        return self.signal is not None

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = signal.Signals(number)
        self._restore()
        _log.info("finishing the step; again to stop at once")

    def _restore(self) -> None:
        # Taken first: a signal that comes meanwhile calls this again.
        previous, self._previous = self._previous, {}
        for number, handler in previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]


@contextlib.contextmanager
def interrupt_held_back() -> Iterator[None]:
    """Lets Ctrl-C wait until the block has ended.

    Python forgets an exception that is raised while a destructor or a weak reference's callback
    runs, and importing runs many. Outside the main thread nothing is changed.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    noted: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: noted.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if noted:
        handler(*noted[0])


class Interrupted(Exception):
    """Work ended early, and was saved, because of a signal.

    Attributes:
      exit_code: what a shell expects after this signal.
    """

    def __init__(self, message: str, number: signal.Signals) -> None:
        super().__init__(message)
        self.exit_code = 128 + number
