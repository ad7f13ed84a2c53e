"""The bar that shows on a terminal how far a command has come."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def progress_bar(unit: str, title: str | None = None) -> Iterator[Callable[[int, int], None]]:
    """Yields what shows progress on a terminal: call it with what is done, and of how much.

    The bar appears with the first call and goes once all is done, so that no message before or
    after meets it.

    Args:
      unit: what is counted.
      title: stands before the bar.
    """
    bar: Any = None
    with contextlib.ExitStack() as stack:

        def show(done: int, total: int) -> None:
            nonlocal bar
            if bar is None:
                from tqdm import tqdm

                quiet = not sys.stderr.isatty()
                bar = tqdm(desc=title, total=total, unit=unit, leave=False, disable=quiet)
                stack.enter_context(bar)
            bar.update(done - bar.n)
            if done == total:
                bar.close()

        yield show
