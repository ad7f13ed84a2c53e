"""Names of files and folders as users give them: ~ is somebody's home, an address is no file."""

from __future__ import annotations

import os
import re
from typing import Any

from pixace.errors import UsageError
from pixace.settings.checks import require_path
from pixace.wording import shown

# With one slash, too, where that is all that a Path leaves of two, or how it is written.
_ADDRESS = re.compile(
    r"[a-z][a-z0-9+.-]*://|(?:abfss?|az|dbfs|file|ftp|gs|hdfs|https?|s3[an]?|sftp|wasbs?):/",
    re.IGNORECASE,
)


def local_path(name: str, value: Any) -> str:
    """Returns what a user calls a file or folder of this machine, as the system calls it.

    A shell expands ~ only at the start of a word: after --out= it comes as it is, and in Python.

    Args:
      name: of the setting.
      value: a text or a path.

    Returns:
      The text unchanged, but for the home of ~ or ~user in its beginning. Expanding that again
      changes nothing.

    Raises:
      UsageError: it can be no name, an address, or the home of nobody.
    """
    require_path(name, value)
    text = os.fspath(value)
    if _ADDRESS.match(text):
        raise UsageError(_no_address(name, text))
    if text.startswith("~"):
        return _in_home(name, text)
    # What is called so here, as ./~a.png, does not become a home once "./" has gone.
    is_own_tilde = text.startswith("./") and os.path.normpath(text).startswith("~")
    return os.path.join(os.getcwd(), text) if is_own_tilde else text


def optional_path(name: str, value: Any) -> str | None:
    """Returns what `local_path` does of a name, and None of none."""
    return None if value is None else local_path(name, value)


def _in_home(name: str, text: str) -> str:
    """Returns a path in somebody's home.

    Raises:
      UsageError: there is no such home, nor anything here that is called so.
    """
    expanded = os.path.expanduser(text)
    if not expanded.startswith("~"):
        return expanded
    owner = text.partition("/")[0]
    if owner != "~" and os.path.lexists(owner):
        return os.path.join(os.getcwd(), text)
    why = "$HOME is not set" if owner == "~" else f"there is no user {shown(owner[1:])}"
    raise UsageError(f"{name} {shown(text)}: {why}; for what is called so here say ./{shown(text)}")


def _no_address(name: str, text: str) -> str:
    """Returns what to say of an address where a file or folder is to be named."""
    start = f"{name} must name a file or folder of this machine, not {shown(text)}; "
    if text.lower().startswith("file:"):
        return f"{start}name its path, without file://"
    return f"{start}mount it, for instance by rclone mount, or download it, and name that"
