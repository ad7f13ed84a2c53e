"""How values, names and reasons are spelt in messages."""

from __future__ import annotations

import os
import re
import reprlib
from typing import Any

# As standards read an address, a password ends before the first of "/?#". Who typed one with such
# a character has typed no address (what follows the colon is no port), but surely a secret.
_CREDENTIALS = re.compile(r"(?s)(?<=://)/*(?:[^/?#]*@|[^/?#@:\[]*:(?!\d*(?:[/?#]|\Z)).*@)")


def reason(error: OSError) -> str:
    """Spells what the machine, not pixace, has refused: the file, if there is one, and why."""
    if isinstance(error, FileNotFoundError) and error.filename is None:  # as `os.getcwd` says it
        return "the folder that this command was started in has gone; change to another one"
    where = f"{shown(error.filename)}: " if isinstance(error.filename, str) else ""
    return f"{where}{error.strerror or error}"


def shown(name: str | os.PathLike[str]) -> str:
    """Spells a file name or an address for a message: one line, and no user name and password."""
    try:
        text = os.fsencode(name).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a lone surrogate: no file has such a name, but a caller may say it
        text = os.fspath(name)
    text = _CREDENTIALS.sub("", text, count=1)
    return text if text.isprintable() else ascii(text)[1:-1]


def one_line(text: str) -> str:
    r"""Spells what does not print, line ends above all, as in \n: a message may quote anything."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def shortage(error: BaseException) -> str | None:
    """Spells which of the machine's means ran out, in one line; None for any other error.

    Args:
      error: Python's, JAX's or the dynamic linker's.
    """
    said = str(error)
    if isinstance(error, MemoryError) or any(words in said for words in _NO_MEMORY):
        return "out of memory; free some, raise the limit (see: ulimit -v) or ask for less at once"
    if any(words in said for words in _NO_THREADS):
        return "no more threads can be started; raise the limit (see: ulimit -u) or end others"
    return None


_NO_MEMORY = ("failed to map segment", "annot allocate memory", "RESOURCE_EXHAUSTED", "bad_alloc")
_NO_THREADS = ("can't start new thread", "Resource temporarily unavailable")
_QUOTING = reprlib.Repr()
_QUOTING.maxstring = _QUOTING.maxother = 60


def spell(value: Any) -> str:
    """Spells the value of a setting as its flag does."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def quoted(value: Any) -> str:
    """Spells a value that may be a stranger's, for a message: short, in one line."""
    try:
        return _QUOTING.repr(value)
    except ValueError:  # Python spells no number of more than 4300 digits
        return "a number of thousands of digits"
