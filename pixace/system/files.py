"""Files: their SHA-256, and writing them so that nobody ever sees half of one."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from pixace.errors import PixaceError
from pixace.system.reading import open_regular
from pixace.system.results import written_path
from pixace.wording import shown

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # on a disk, within a quota, for one file


def file_sha256(path: Path) -> str:
    """Returns the SHA-256 of a file in hexadecimal.

    Raises:
      OSError: it cannot be read, or is no regular file.
    """
    with open(open_regular(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remedy(is_full: bool) -> str:
    """Says what may help where something could not be written."""
    return "free some space" if is_full else "see to that folder and its disk"


def write_atomically(path: Path, data: bytes) -> None:
    """Replaces the file at `path` by `data`: whole, or not at all.

    Raises:
      OSError: the folder cannot be made or written; the old file is untouched.
    """
    with replacing(path) as file:
        file.write(data)


def write_result(path: Path, data: bytes) -> None:
    """Writes a file that the user asked for: whole, or not at all; a link stays one.

    Raises:
      PixaceError: it cannot be written.
    """
    try:
        write_atomically(written_path(path), data)
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
    remove_abandoned(path)
    handle, temporary = _new_temporary(path)
    lock = os.dup(handle)  # which outlives the file's closing
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
    finally:
        os.close(lock)


def remove_abandoned(path: Path) -> None:
    """Removes what processes that were killed while they replaced this file have left behind."""
    with contextlib.suppress(OSError):  # a folder that lets nobody list it
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry in entries]
        ours = re.compile(re.escape(_prefix(path)) + r"[a-z0-9_]{8}\.tmp")  # as `tempfile` does
        for name in filter(ours.fullmatch, names):
            _remove_unlocked(path.with_name(name))


def _prefix(path: Path) -> str:
    return f".{path.name[:60]}."


def _remove_unlocked(temporary: Path) -> None:
    """Removes a temporary file unless a process still writes to it: it holds a lock meanwhile."""
    with contextlib.suppress(OSError):  # under way, gone, not ours, or a disk without locks
        handle = os.open(temporary, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            temporary.unlink()
        finally:
            os.close(handle)


def _new_temporary(path: Path) -> tuple[int, Path]:
    """Returns the handle and the name of a new file, locked as long as the handle is open.

    Raises:
      OSError: it cannot be made.
    """
    while True:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=_prefix(path), suffix=".tmp")
        with contextlib.suppress(OSError):  # a disk without locks: nobody removes it there
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle, Path(name)
        os.close(handle)  # removed by another process before it was locked


def open_lock(path: Path) -> int:
    """Opens a file that is only to be locked, made where there is none.

    It may have been put there by a stranger: a link is not followed, a file keeps what it holds,
    and a FIFO is not waited for.

    Returns:
      A file descriptor.

    Raises:
      OSError: it cannot be opened.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    return os.open(path, flags, 0o666)


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
