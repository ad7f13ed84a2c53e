"""A line that tells how far a download is: bar, size, rate, time left."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TextIO

_WIDTH = 24
_SECONDS_BETWEEN_LINES = 0.2


class ProgressLine:
    """Draws progress on a terminal, or a few plain lines where the output is a file.

    An instance is what `pixace.web.download.fetch` takes as `progress`; call `close` at the end.

    Args:
      stream: where to draw, usually `sys.stderr`.
      clock: tells the seconds; tests pass their own.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._live = stream.isatty()
        self._start: tuple[float, int] | None = None
        self._last_drawn = float("-inf")
        self._last_tenth = -1
        self._width = 0
        self._unfinished = False

    def __call__(self, done: int, total: int | None) -> None:
        """Shows that `done` of `total` bytes are there; `total` is None where not known."""
        now = self._clock()
        if self._start is None or done < self._start[1]:
            # What an earlier call had fetched must not count into this one's rate.
            self._start = (now, done)
        complete = total is not None and done >= total
        if self._live:
            if complete or now - self._last_drawn >= _SECONDS_BETWEEN_LINES:
                self._draw(done, total, now)
        elif total and (tenth := done * 10 // total) > self._last_tenth:
            self._last_tenth = tenth
            self._put(progress_text(done, total, self._rate(done, now)) + "\n")

    def close(self) -> None:
        """Ends the line, so that what is printed next starts on one of its own."""
        if self._unfinished:
            self._put("\n")
            self._unfinished = False

    def _put(self, text: str) -> None:
        with contextlib.suppress(OSError):  # nobody is watching any more
            self._stream.write(text)
            self._stream.flush()

    def _draw(self, done: int, total: int | None, now: float) -> None:
        text = progress_text(done, total, self._rate(done, now))
        self._put("\r" + text.ljust(self._width))
        self._width = len(text)
        self._last_drawn = now
        self._unfinished = True

    def _rate(self, done: int, now: float) -> float:
        """Returns bytes per second since the first call."""
        start, had = self._start or (now, done)
        return (done - had) / (now - start) if now > start else 0.0


def progress_text(done: int, total: int | None, rate: float) -> str:
    """Spells one state of a download.

    >>> progress_text(30_000_000, 120_000_000, 3_000_000)
    '[######                  ]  25 %  30.0 of 120.0 MB  3.0 MB/s  30 s left'
    """
    speed = f"{size_text(rate)}/s"
    if not total:
        return f"{size_text(done)}  {speed}"
    filled = min(_WIDTH, _WIDTH * done // total)
    bar = "#" * filled + " " * (_WIDTH - filled)
    left = f"  {(total - done) / rate:.0f} s left" if rate and done < total else ""
    sizes = f"{done / 1e6:.1f} of {size_text(total)}"
    return f"[{bar}] {min(100, 100 * done // total):3d} %  {sizes}  {speed}{left}"


def size_text(n_bytes: float) -> str:
    """Spells a number of bytes in megabytes.

    >>> size_text(1_250_000)
    '1.2 MB'
    """
    return f"{n_bytes / 1e6:.1f} MB"
