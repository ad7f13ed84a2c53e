"""How the C library gives memory out: for work that takes and frees the same large blocks again."""

from __future__ import annotations

import contextlib
import ctypes

# Of glibc's <malloc.h>.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
_NEVER = 2**31 - 1


def keep_freed_memory() -> None:
    """Has this process use freed memory again instead of giving it back, where that is glibc's.

    XLA frees each buffer of a step and takes it again in the next one. Memory that goes back to the
    kernel in between comes page by page, each filled with zeros: a twelfth of a step's time on two
    cores (`benchmarks/README.md`). One heap for all threads needs less of it than one for each.
    For the process of a command alone to call, early: what is in use already stays where it is.
    """
    with contextlib.suppress(AttributeError, OSError):  # macOS, musl
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_MAX, 0)  # blocks of any size are the heap's, which keeps them
        mallopt(_TRIM_THRESHOLD, _NEVER)
        mallopt(_ARENA_MAX, 1)
