"""Writing files so that nobody ever sees half of one."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from pixace.errors import PixaceError, shown


def write_atomically(path: Path, data: bytes) -> None:
    """Replaces the file at `path` by `data`: whole, or not at all.

    Raises:
      OSError: the folder cannot be made or written; the old file is untouched.
    """
    with replacing(path) as file:
        file.write(data)


def write_result(path: Path, data: bytes) -> None:
    """Writes a file that the user asked for: whole, or not at all.

    Raises:
      PixaceError: it cannot be written.
    """
    try:
        write_atomically(path, data)
    except OSError as error:
        raise PixaceError(f"{shown(path)}: cannot write: {error.strerror}") from None


@contextlib.contextmanager
def replacing(path: Path, verify: Callable[[Path], None] | None = None) -> Iterator[IO[bytes]]:
    """Opens a temporary file that takes the name `path` once the block has ended well.

    The bytes reach the disk before the name does, and the name before this returns, so that a
    crash at any instant leaves either the old file or the new one.

    Args:
      path: the file to create or replace; its folder is created.
      verify: called with the temporary path, after the bytes are on disk and before the rename;
        what it raises leaves the old file in place.

    Yields:
      A binary file open for writing.

    Raises:
      OSError: it cannot be written; the error names it, and the old file is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:60]}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if verify is not None:
            verify(temporary)
        # mkstemp makes files private; give ours the rights that an ordinary file would have.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        sync_folder(path.parent)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a failed write tells the reason only
        raise


def sync_folder(folder: Path) -> None:
    """Flushes a folder's list of names to disk, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _umask() -> int:
    """Returns the process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
