"""Files that users ask for: a link stays a link, and nothing that is read is replaced."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from pixace.errors import UsageError
from pixace.system.reading import IrregularFileError
from pixace.wording import shown

FileName: TypeAlias = str | os.PathLike[str]


def written_path(path: Path) -> Path:
    """Returns the file to replace where a user names one: of a link, what it leads to.

    Raises:
      OSError: it leads to what is no file, round in a circle, or into a folder that is not there.
    """
    if not path.is_symlink():
        return path
    with contextlib.suppress(FileNotFoundError):  # what it leads to is still to be made
        if not stat.S_ISREG(os.stat(path).st_mode):  # replacing /dev/null would harm everybody
            raise IrregularFileError(path)
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, f"it is a link into {shown(target.parent)}, which is not there", str(path)
        )
    return target


def refuse_to_replace(
    outputs: Mapping[str, FileName | None], inputs: Iterable[tuple[str, FileName]]
) -> None:
    """Checks that no file to be written is one that is read, under whatever name.

    Links, hard links and names in other letters on a disk that does not tell them apart included.

    Args:
      outputs: files by their flags; None is not wanted.
      inputs: what a file is, such as "the prompt", and its name; only iterated where an output is
        there already, so that listing them may take time.

    Raises:
      UsageError: one is.
    """
    there: dict[tuple[int, int] | None, tuple[str, FileName]] = {}
    for flag, output in outputs.items():
        if output is not None and (identity := _identity(output)) is not None:
            there[identity] = (flag, output)
    if not there:
        return
    for what, name in inputs:
        identity = _identity(name)
        if identity in there:
            flag, output = there[identity]
            raise UsageError(
                f"{flag} {shown(output)} would replace {what}; name another file with --{flag}"
            )


def _identity(name: FileName) -> tuple[int, int] | None:
    """Returns what tells a file from all others; None where there is none."""
    try:
        status = os.stat(name)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
