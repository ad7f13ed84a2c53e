"""Ctrl-C, SIGTERM and others as a polite question: finish what must not be cut short, and end."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any, NoReturn

_log = logging.getLogger(__name__)

# Ctrl-C, ends of terminals and machines, and by which schedulers warn of an end to come.
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_REPEAT_SECONDS = 0.05
_GRACE_SECONDS = 1.0  # for a second signal to end the work in good order


class StopSignal(KeyboardInterrupt):
    """A signal ended the work; what was under way is undone.

    Attributes:
      number: of the signal.
      exit_code: what a shell expects after it.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.exit_code = 128 + number


def end_at_once(number: int, frame: FrameType | None) -> NoReturn:
    """Ends the process with one line and the exit code that a shell expects; handles a signal."""
    with contextlib.suppress(OSError):
        os.write(2, b"pixace: stopped\n")  # not by Python's stream, whose lock may be held
    os._exit(128 + number)


@contextlib.contextmanager
def stopping() -> Iterator[None]:
    """Lets all STOP_SIGNALS end a block as Ctrl-C does, and the second one at once.

    Python heeds signals between its own instructions only, and native code may compile a model for
    minutes. So the second signal ends the whole process, if it is still there after a moment.

    Python forgets an exception that is raised while a destructor, a weak reference's callback or
    one of the garbage collector's runs, and JAX has one of these. So a signal that was forgotten is
    sent again.

    Signals that the caller ignores or handles are left to it. Outside the main thread nothing is
    changed.

    Raises:
      StopSignal: a signal came, to the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    defaults = (signal.SIG_DFL, signal.default_int_handler, end_at_once)
    handlers = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    previous = {number: handler for number, handler in handlers.items() if handler in defaults}
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    repeated: list[int] = []
    with contextlib.suppress(RuntimeError):  # none to be had
        threading.Thread(target=_end_at_the_second, args=(reading, repeated), daemon=True).start()
    for number in previous:
        signal.signal(number, _stop)
    try:
        with _repeating_what_is_forgotten(repeated):
            yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        os.close(writing)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise StopSignal(number)


@contextlib.contextmanager
def _repeating_what_is_forgotten(repeated: list[int]) -> Iterator[None]:
    """Sends a signal again whose exception Python could only report; adds it to a list."""
    report, is_over = sys.unraisablehook, threading.Event()

    def repeat(number: int) -> None:
        if not is_over.is_set():
            repeated.append(number)
            os.kill(os.getpid(), number)

    def hear(unraisable: sys.UnraisableHookArgs) -> None:
        if isinstance(unraisable.exc_value, StopSignal):
            # Not at once, which would be forgotten in the same way.
            timer = threading.Timer(_REPEAT_SECONDS, repeat, [unraisable.exc_value.number])
            timer.daemon = True
            timer.start()
        else:
            report(unraisable)

    sys.unraisablehook = hear
    try:
        yield
    finally:
        is_over.set()
        sys.unraisablehook = report


def _end_at_the_second(numbers: int, repeated: list[int]) -> None:
    """Reads the numbers of signals from a pipe; ends the process soon after the second.

    Args:
      numbers: the pipe.
      repeated: signals that the process sent to itself, which do not count.
    """
    seen, number, deadline = 0, 0, None
    while True:
        seconds = None if deadline is None else max(0, deadline - time.monotonic())
        if not select.select([numbers], [], [], seconds)[0]:
            end_at_once(number, None)
        said = os.read(numbers, 1)
        if not said:
            os.close(numbers)
            return
        number = said[0]
        if number in repeated:
            repeated.remove(number)
            continue
        seen += number in STOP_SIGNALS
        if seen == 2 and deadline is None:
            deadline = time.monotonic() + _GRACE_SECONDS


class StopRequest:
    """While this context lasts, the first signal is noted and the second one ends at once.

    Outside the main thread, where Python allows no handlers, nothing is changed.

    Attributes:
      signal: the signal that came, or None.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in STOP_SIGNALS:
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
        """Returns whether a signal has come."""
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
def signals_held_back() -> Iterator[None]:
    """Lets signals that Python handles wait until the block has ended.

    Python forgets an exception that is raised while a destructor or a weak reference's callback
    runs, and importing runs many. Outside the main thread nothing is changed.
    """
    handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
    if threading.current_thread() is threading.main_thread():
        for number in STOP_SIGNALS:
            handler = signal.getsignal(number)
            if callable(handler):
                handlers[number] = handler
    noted: list[tuple[int, FrameType | None]] = []
    for held in handlers:
        signal.signal(held, lambda number, frame: noted.append((number, frame)))
    try:
        yield
    finally:
        for held, handler in handlers.items():
            signal.signal(held, handler)
    if noted:
        handlers[noted[0][0]](*noted[0])


class SavedAndStopped(Exception):
    """Work ended early, and was saved, because of a signal.

    Attributes:
      exit_code: what a shell expects after this signal.
    """

    def __init__(self, message: str, number: signal.Signals) -> None:
        super().__init__(message)
        self.exit_code = 128 + number
