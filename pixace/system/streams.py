"""The standard streams that a process is given, of which its caller may have closed some."""

from __future__ import annotations

import os
import sys


def open_standard_streams() -> None:
    """Lets streams that the caller has closed lead nowhere.

    The next file opened would get such a stream's descriptor, and whatever native code says would
    be written into it.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            nowhere = open(descriptor, "w", errors="replace", closefd=False)  # noqa: SIM115
            setattr(sys, name, nowhere)


def tell(words: object) -> None:
    """Prints a line on stderr; where nobody reads it, that is no error."""
    try:
        print(words, file=sys.stderr, flush=True)
    except OSError:  # a terminal that has been closed, a pipe that is no longer read
        lead_nowhere(2)


def lead_nowhere(descriptor: int) -> None:
    """Lets what is still in a stream's buffer go nowhere: the interpreter flushes it once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
