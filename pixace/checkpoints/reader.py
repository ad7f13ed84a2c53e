"""Reading checkpoints that are asked for again, each file once."""

from __future__ import annotations

import os
from pathlib import Path

from pixace.checkpoints.file import Checkpoint, read_checkpoint
from pixace.errors import CheckpointError

_Identity = tuple[int, ...]


class CheckpointReader:
    """Reads checkpoints, each file once for as long as it is the same file, whatever its name.

    What a training starts from is found out twice: before anything slow, so that mistakes are told
    at once, and again when its folder is locked, as another training may have gone on meanwhile.
    Most often the second time meets the same files, of hundreds of megabytes.
    """

    def __init__(self) -> None:
        self._read: dict[_Identity, Checkpoint] = {}
        self._refused: dict[tuple[Path, _Identity], str] = {}

    def read(self, path: Path) -> Checkpoint:
        """Returns what a file holds; always the same object, which nobody may change.

        Raises:
          CheckpointError: see `read_checkpoint`.
        """
        identity = _identity(path)  # before reading: what comes later is another file
        if identity is None:
            return read_checkpoint(path)
        if (path, identity) in self._refused:
            raise CheckpointError(self._refused[path, identity])
        if identity not in self._read:
            try:
                self._read[identity] = read_checkpoint(path)
            except CheckpointError as error:
                self._refused[path, identity] = str(error)
                raise
        return self._read[identity]

    def forget(self, path: Path | None = None) -> None:
        """Lets go of what a file holds, or of everything; it would stay in memory."""
        if path is None:
            self._read.clear()
            self._refused.clear()
        elif (identity := _identity(path)) is not None:
            self._read.pop(identity, None)


def _identity(path: Path) -> _Identity | None:
    """Returns what changes when a file is replaced or written to; None of one that is missing."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
