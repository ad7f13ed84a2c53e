"""How far a download is, told while it lasts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TextIO

_SECONDS = 0.2  # between two states of a bar
_SECONDS_OF_LINES = 10.0  # between two plain lines


@contextlib.contextmanager
def download_progress(stream: TextIO) -> Iterator[Callable[[int, int | None], None]]:
    """Shows while a block lasts how far a download is: a bar, or rare lines where there is none.

    Nothing is shown before a byte has come. A stream that nobody reads any more is no error.

    Args:
      stream: where to show it, usually `sys.stderr`; a bar only if it is a terminal.

    Yields:
      What `pixace.web.download.fetch` takes as `progress`.
    """
    from tqdm import tqdm

    bar: Any = None
    look = (
        {"file": stream, "mininterval": _SECONDS, "dynamic_ncols": True}
        if stream.isatty()
        else {"file": _Lines(stream), "mininterval": _SECONDS_OF_LINES, "ncols": 0}
    )

    def show(done: int, total: int | None) -> None:
        nonlocal bar
        with contextlib.suppress(OSError):
            if bar is None:  # what an earlier command has fetched does not count into the speed
                bar = tqdm(total=total, initial=done, unit="B", unit_scale=True, miniters=1, **look)
            elif done < bar.n:
                bar.reset()
                bar.initial = bar.n = done
            bar.total = total
            bar.update(done - bar.n)

    try:
        yield show
    finally:
        if bar is not None:
            with contextlib.suppress(OSError):
                bar.close()


class _Lines:
    """Makes plain lines of what a bar would put in the place of its last state."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        if state := text.strip():
            self._stream.write(f"{state}\n")

    def flush(self) -> None:
        self._stream.flush()
