"""The exceptions a user meets as one line on stderr, never as a traceback.

Every message says what was found, what was expected and what to do next.
"""

import os
import re


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
    where = f"{shown(error.filename)}: " if isinstance(error.filename, str) else ""
    return f"{where}{error.strerror or error}"


def shown(name: str | os.PathLike[str]) -> str:
    """Spells a file name or an address for a message: one line, and no user name and password."""
    try:
        text = os.fsencode(name).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a lone surrogate: no file has such a name, but a caller may say it
        text = os.fspath(name)
    text = re.sub(r"(?<=://)[^/?#]*@", "", text, count=1)
    return text if text.isprintable() else ascii(text)[1:-1]
