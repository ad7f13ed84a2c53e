"""How names, values, sizes, times and reasons are spelt in messages.

What a stranger may have written, into a name, a file or an answer, comes out as one line that a
terminal can show, and no longer than a message bears.
"""

from __future__ import annotations

import datetime
import os
import re
import reprlib
from typing import Any

# As standards read an address, a password ends before the first of "/?#". Who typed one with such
# a character has typed no address (what follows the colon is no port), but surely a secret.
_CREDENTIALS = re.compile(r"(?s)(?<=://)/*(?:[^/?#]*@|[^/?#@:\[]*:(?!\d*(?:[/?#]|\Z)).*@)")
_LONGEST_ADDRESS = 300
_LONGEST_PATH, _ITS_END = 200, 40
_LONGEST_QUOTE = 80
_NO_MEMORY = ("failed to map segment", "annot allocate memory", "RESOURCE_EXHAUSTED", "bad_alloc")
_NO_THREADS = ("can't start new thread", "Resource temporarily unavailable")
_QUOTING = reprlib.Repr()
_QUOTING.maxstring = _QUOTING.maxother = 60


def shown(name: str | os.PathLike[str]) -> str:
    """Spells a file name or an address for a message: one line, and no user name and password."""
    try:
        text = os.fsencode(name).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a lone surrogate: no file has such a name, but a caller may say it
        text = os.fspath(name)
    text = _CREDENTIALS.sub("", text, count=1)
    return text if text.isprintable() else ascii(text)[1:-1]


def shown_url(url: str) -> str:
    """Spells an address as `shown` does, but not at any length."""
    text = shown(url)
    return text if len(text) <= _LONGEST_ADDRESS else f"{text[:_LONGEST_ADDRESS]}..."


def without_middle(path: object) -> str:
    """Spells a path whose length may be what is wrong with it: how it begins and how it ends."""
    text = str(path)
    if len(text) <= _LONGEST_PATH:
        return text
    return f"{text[: _LONGEST_PATH - 2 * _ITS_END]}...{text[-_ITS_END:]}"


def spell(value: Any) -> str:
    """Spells the value of a setting as its flag does."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def quoted(value: Any) -> str:
    """Spells a value that may be a stranger's, for a message: short, in one line."""
    try:
        return _QUOTING.repr(value)
    except ValueError:  # Python spells no number of more than 4300 digits
        return "a number of thousands of digits"


def quoted_text(value: Any) -> str:
    """Spells a text or a number of a stranger's file in ASCII, and of all else only its kind."""
    if type(value) is not str and type(value) is not int:
        return f"a {type(value).__name__}"
    text = ascii(value)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[: _LONGEST_QUOTE - 3]}..."


def one_line(text: str) -> str:
    r"""Spells what does not print, line ends above all, as in \n: a message may quote anything."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def printable(text: str, longest: int | None = None, instead: str = "") -> str:
    """Returns what prints of a stranger's text.

    Args:
      text: what a server has sent.
      longest: characters after which it is cut.
      instead: stands for each character that does not print.
    """
    return "".join(letter if letter.isprintable() else instead for letter in text)[:longest]


def memory_size(n_bytes: float) -> str:
    """Spells a size of memory, such as 1.2 GB."""
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.3g} MB"


def duration(seconds: float) -> str:
    """Spells a time in its largest unit, such as 2.5 hours."""
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} seconds"


def clock_time(seconds: float) -> str:
    """Spells a time to the second, such as 1:02:33, or 2 days, 1:02:33."""
    return str(datetime.timedelta(seconds=round(seconds)))


def image_rate(images_per_second: float) -> str:
    """Spells a speed in three digits, or as many as it has, such as 1.25 images/s."""
    return f"{images_per_second:{'.0f' if images_per_second >= 100 else '.3g'}} images/s"


def rounded_count(count: int) -> str:
    """Spells a large number in three digits, such as 27.8 M."""
    for unit, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if count >= 0.9995 * unit:  # which rounds to one
            return f"{count / unit:.3g}{name}"
    return str(count)


def reason(error: OSError) -> str:
    """Spells what the machine, not pixace, has refused: the file, if there is one, and why."""
    if isinstance(error, FileNotFoundError) and error.filename is None:  # as `os.getcwd` says it
        return "the folder that this command was started in has gone; change to another one"
    where = f"{shown(error.filename)}: " if isinstance(error.filename, str) else ""
    return f"{where}{error.strerror or error}"


def first_cause(error: BaseException) -> str:
    """Spells the shortest account of a failure: that of what caused it first."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return printable(text, 200, instead=" ")


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
