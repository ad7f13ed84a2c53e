"""Work on many things side by side, whose results come in order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.pool import ThreadPool
from typing import TypeVar

_AHEAD = 64  # results made before their turn

T = TypeVar("T")
R = TypeVar("R")


def in_order(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yields `work(item)` of each item, in the order of the items, computed in several threads.

    Pillow's decoders and NumPy release Python's lock, so that threads really run side by side. A
    pool takes all the work it is given at once, and a million items are too many: it gets some at
    a time.
    """
    items = iter(items)
    with ThreadPool() as pool:
        while ahead := list(itertools.islice(items, _AHEAD)):
            yield from pool.imap(work, ahead)
