"""Where a download waits on disk until it is whole: partial file, record, lock, installation.

For the file `NAME` these live beside it, hidden, and are gone once it is installed:

    .NAME.part        the bytes that have arrived
    .NAME.part.json   what they are the beginning of: address, ETag, size
    .NAME.lock        held by the one process that may touch the other two
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

from pixace.errors import DownloadError
from pixace.system.files import NO_ROOM, file_sha256, open_lock, sync_folder, write_atomically
from pixace.system.reading import IrregularFileError, open_regular, read_small
from pixace.wording import shown, without_middle

_log = logging.getLogger(__name__)

_RECORD_BYTES = 64 * 1024
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)

Check = Callable[[Path], None]


class WrongContent(DownloadError):
    """A complete file that is not the one that was asked for."""


@dataclasses.dataclass(frozen=True)
class Record:
    """What a partial file is the beginning of.

    Attributes:
      url: the address that was asked for.
      etag: the server's strong name for this version of the file, if it gave one.
      last_modified: the version's date in the server's spelling, if it gave one.
      total: size of the whole file in bytes, if known.
    """

    url: str
    etag: str | None
    last_modified: str | None
    total: int | None

    @classmethod
    def of(cls, url: str, headers: Mapping[str, str], total: int | None) -> Record:
        """Makes the record of an answer from its headers."""
        etag = headers.get("ETag")
        # A weak ETag promises equal meaning, not equal bytes: two versions cannot be spliced by it.
        strong = etag if etag and not etag.startswith("W/") else None
        return cls(url, strong, headers.get("Last-Modified"), total)

    @property
    def validator(self) -> str | None:
        """What `If-Range` may carry: the server continues only this version."""
        return self.etag or self.last_modified

    def same_version(self, headers: Mapping[str, str]) -> bool:
        """Returns whether an answer's headers name the version recorded here."""
        if self.etag is not None:
            return headers.get("ETag") == self.etag
        return headers.get("Last-Modified") == self.last_modified


class Partial:
    """The bytes of a file that have arrived so far, and their record.

    Args:
      destination: the name that the file gets once it is whole.
    """

    def __init__(self, destination: Path) -> None:
        self.path = destination.with_name(f".{destination.name}.part")
        self._record_path = destination.with_name(f".{destination.name}.part.json")

    def size(self) -> int:
        """Returns the number of bytes that have arrived."""
        try:
            return self.path.lstat().st_size
        except FileNotFoundError:
            return 0

    def record(self) -> Record | None:
        """Returns what the bytes belong to, or None where that is not known."""
        try:
            record = Record(**json.loads(read_small(self._record_path, _RECORD_BYTES)))
        except (OSError, ValueError, TypeError, RecursionError):
            return None
        texts = (record.url, record.etag or "", record.last_modified or "")
        numbers = isinstance(record.total, int | None) and not isinstance(record.total, bool)
        return record if numbers and all(isinstance(text, str) for text in texts) else None

    def start(self, record: Record | None) -> IO[bytes]:
        """Begins from zero; without a record the bytes cannot be continued by a later call.

        The record goes first and comes back last, so that no crash leaves old bytes under a new
        record.
        """
        self._record_path.unlink(missing_ok=True)
        file = self._open(os.O_TRUNC)
        try:
            if record is not None:
                write_atomically(self._record_path, json.dumps(dataclasses.asdict(record)).encode())
        except BaseException:
            file.close()
            raise
        return file

    def append(self) -> IO[bytes]:
        """Continues after the bytes that are there."""
        return self._open(os.O_APPEND)

    def discard(self) -> None:
        """Forgets bytes and record."""
        self._record_path.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def install(self, destination: Path, sha256: str | None, check: Check | None) -> str:
        """Verifies the complete file and gives it its name, in one step that a crash cannot split.

        Returns:
          The file's SHA-256.

        Raises:
          WrongContent: the SHA-256 is not the expected one; the partial file is left alone.
          PixaceError: whatever `check` raises; the partial file is left alone.
        """
        with open(self.path, "rb") as file:
            os.fsync(file.fileno())
        digest = file_sha256(self.path)
        if sha256 is not None and digest != sha256:
            raise WrongContent(
                f"{destination}: the file that came has SHA-256 {digest}, expected {sha256}; "
                "nothing was installed; ask its publisher which one is right"
            )
        if check is not None:
            check(self.path)
        _log.debug("%s is whole, SHA-256 %s", shown(destination), digest)
        os.replace(self.path, destination)
        sync_folder(destination.parent)
        self._record_path.unlink(missing_ok=True)
        return digest

    def _open(self, mode: int) -> IO[bytes]:
        # O_NOFOLLOW: a link planted under this name must not lead the bytes elsewhere.
        try:
            descriptor = open_regular(self.path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | mode)
        except IrregularFileError:
            raise DownloadError(
                f"{self.path}: is not an ordinary file; remove it and try again"
            ) from None
        # Unbuffered: after a SIGKILL every byte that was counted is in the file.
        return open(descriptor, "wb", buffering=0)


@contextlib.contextmanager
def locked(path: Path, wait_seconds: float) -> Iterator[None]:
    """Holds a lock file, and removes it at the end; a process that dies releases it.

    Raises:
      DownloadError: another process held it for `wait_seconds`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_seconds
    while (descriptor := _try_lock(path)) is None:
        if time.monotonic() > deadline:
            raise DownloadError(
                f"{path}: another process has been downloading this for {wait_seconds:.0f} s; "
                "wait for it or end it, then try again"
            )
        time.sleep(0.05)
    try:
        yield
    finally:
        # Removed while still held: whoever waits for this very file finds its name gone (see
        # _try_lock) and makes a new one.
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _try_lock(path: Path) -> int | None:
    """Returns the descriptor of the lock file once it is ours, None while it is not."""
    descriptor = open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False)):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns what the file system refuses into a DownloadError that says what to do."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        if error.errno in NO_ROOM:
            remedy = "free some space and run the same command again"
        elif error.errno in _FORBIDDEN:
            remedy = "choose a folder that you may write to (--weights_dir)"
        elif error.errno == errno.ENAMETOOLONG:
            remedy = "choose a shorter name"
        elif error.errno in _NO_LOCKS:
            remedy = "this file system cannot lock files; choose another folder (--weights_dir)"
        else:
            remedy = "check that folder, or choose another one (--weights_dir)"
        raise DownloadError(f"cannot write {without_middle(path)}: {why}; {remedy}") from error


def write_all(target: IO[bytes], data: bytes) -> None:
    """Writes all of the bytes: an unbuffered file may take only some at a time."""
    view = memoryview(data)
    while view:
        view = view[target.write(view) :]


def holds(path: Path, sha256: str | None) -> bool:
    """Returns whether an ordinary file is there already and has this SHA-256."""
    return sha256 is not None and path.is_file() and file_sha256(path) == sha256
