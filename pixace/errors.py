"""The exceptions a user meets as one line on stderr, never as a traceback.

Every message says what was found, what was expected and what to do next.
"""

import os
import re

# As standards read an address, a password ends before the first of "/?#". Who typed one with such
# a character has typed no address (what follows the colon is no port), but surely a secret.
_CREDENTIALS = re.compile(r"(?s)(?<=://)/*(?:[^/?#]*@|[^/?#@:\[]*:(?!\d*(?:[/?#]|\Z)).*@)")


class PixaceError(Exception):
    """Base of all errors that pixace raises on purpose.

    Attributes:
        exit_code: status with which the command line ends after this error.
    """

    exit_code = 1


class UsageError(PixaceError, ValueError):
    """A flag or argument that cannot be used: unknown, out of range or contradictory."""

    exit_code = 2


class ImageError(PixaceError):
    """An image or a folder of images that cannot be read."""


class CheckpointError(PixaceError):
    """A file of weights, or its settings, that is missing, damaged, refused or does not fit."""


class DownloadError(PixaceError):
    """A file that could not be fetched whole and verified."""


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
