"""Fetching one file: over HTTP or from this machine, whole and verified or not at all.

A download arrives under a hidden name (see `pixace.web.partial`), survives cuts, kills and a
full disk there, and gets its real name only once it is complete and verified. Knows nothing about
models.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from pixace.errors import DownloadError, PixaceError
from pixace.system.reading import IrregularFileError, open_regular
from pixace.web.answer import RetryableError
from pixace.web.attempt import Job, Progress, attempt
from pixace.web.limits import (
    DEFAULT_LIMITS,
    Limits,
    check_magic,
    check_size,
    check_url,
    normal_sha256,
)
from pixace.web.partial import Check, Partial, disk_errors, holds, locked, write_all

# The largest model of the catalogue with its optimizer state has 0.4 GB.
DEFAULT_MAX_BYTES = 4 << 30
_BLOCK = 1 << 20  # bytes copied at a time


def fetch(
    url: str,
    destination: Path,
    *,
    sha256: str | None = None,
    max_bytes: int = DEFAULT_MAX_BYTES,
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress | None = None,
    check: Check | None = None,
    magic: bytes = b"",
) -> str:
    """Downloads a file, continuing an interrupted download of it where that is safe.

    Google Drive's confirm pages are followed. Several processes may fetch the same file: they take
    turns.

    Args:
      url: where the file is, http or https.
      destination: the name it gets; an older file of that name is replaced at the very end.
      sha256: its SHA-256 if known; then a file of that name which has it already is kept.
      max_bytes: a larger file is refused.
      limits: how patient to be.
      progress: called with the bytes that are there and the whole size, None where not known.
      check: called with the complete temporary file; what it raises refuses the file.
      magic: the bytes that the file must begin with; checked before the rest is fetched.

    Returns:
      The SHA-256 of the installed file.

    Raises:
      DownloadError: it could not be fetched whole and verified; the message says what to do.
      PixaceError: whatever `check` raised.
    """
    sha256 = normal_sha256(sha256)
    check_url(url)
    with disk_errors(destination), _turn(destination, limits):
        if sha256 is not None and holds(destination, sha256):
            return sha256
        job = Job(
            url, destination, Partial(destination), sha256, max_bytes, limits, progress, check,
            magic, deadline=time.monotonic() + limits.total_seconds,
        )  # fmt: skip
        return _fetch_verified(job)


def install_file(
    source: Path,
    destination: Path,
    *,
    sha256: str | None = None,
    max_bytes: int = DEFAULT_MAX_BYTES,
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress | None = None,
    check: Check | None = None,
    magic: bytes = b"",
) -> str:
    """Copies a file of this machine into place after the same checks as a download.

    Args and returns: as for `fetch`, with the path `source` in place of the address.

    Raises:
      DownloadError: it cannot be read or written, or is not what was expected.
      PixaceError: whatever `check` raised.
    """
    sha256 = normal_sha256(sha256)
    with disk_errors(destination), _turn(destination, limits), _opened(source) as (file, size):
        if destination.exists() and destination.samefile(source):
            raise DownloadError(f"{source}: is the installed file itself; there is nothing to do")
        check_size(str(source), size, max_bytes)
        check_magic(str(source), file.read(len(magic)), magic)
        file.seek(0)
        partial = Partial(destination)
        try:
            with partial.start(None) as target:
                _copy(file, target, size, progress)
            if partial.size() != size:
                raise DownloadError(f"{source}: changed while it was copied; try again")
            return partial.install(destination, sha256, check)
        finally:
            partial.discard()


def _fetch_verified(job: Job) -> str:
    """Fetches and installs; a file that may have been spliced gets a second chance from zero."""
    _fetch_whole(job)
    try:
        return job.partial.install(job.destination, job.sha256, job.check)
    except PixaceError:
        job.partial.discard()
        if not job.doubtful:
            raise
    job.may_continue = False
    _fetch_whole(job)
    try:
        return job.partial.install(job.destination, job.sha256, job.check)
    except PixaceError:
        job.partial.discard()
        raise


def _fetch_whole(job: Job) -> None:
    """Makes attempts until the partial file is complete, waiting longer after each that fails."""
    failures = 0
    most = job.partial.size()
    while True:
        try:
            return attempt(job)
        except RetryableError as problem:
            size = job.partial.size()
            # New bytes show that it is worth going on, however often the connection is cut.
            failures = 1 if size > most and not problem.slow else failures + 1
            most = max(most, size)
            if failures >= job.limits.attempts:
                raise job.fail(
                    f"{problem}, {failures} times in a row; check the connection and run the same "
                    "command again" + ("; it goes on where it stopped" if job.have() else "")
                ) from None
            _wait(job, failures, problem)


def _wait(job: Job, failures: int, problem: RetryableError) -> None:
    """Sleeps before the next attempt, as long as the server asks within reason."""
    limits = job.limits
    seconds = max(limits.first_wait_seconds * 2 ** (failures - 1), problem.retry_after)
    seconds = min(seconds, limits.max_wait_seconds)
    if time.monotonic() + seconds > job.deadline:
        raise job.fail(f"{problem}; the time limit is over; run the same command again") from None
    time.sleep(seconds)


def _copy(source: IO[bytes], target: IO[bytes], size: int, progress: Progress | None) -> None:
    """Copies a file of `size` bytes; stops one block after them should it have grown."""
    done = 0
    while done <= size and (block := source.read(_BLOCK)):
        write_all(target, block)
        done += len(block)
        if progress is not None:
            progress(done, size)


@contextlib.contextmanager
def _opened(source: Path) -> Iterator[tuple[IO[bytes], int]]:
    """Opens an ordinary file for reading and tells its size; never waits at a FIFO or device."""
    try:
        descriptor = open_regular(source)
    except IrregularFileError:
        raise DownloadError(
            f"{source}: is not an ordinary file; expected a file of weights"
        ) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise DownloadError(f"{source}: cannot be read: {why}; check the path") from None
    with open(descriptor, "rb") as file:
        yield file, os.fstat(descriptor).st_size


@contextlib.contextmanager
def _turn(destination: Path, limits: Limits) -> Iterator[None]:
    """Waits until no other process downloads the same file, and keeps others out meanwhile."""
    if destination.is_dir():
        raise DownloadError(f"{destination}: is a folder, expected the name of a file to write")
    with locked(destination.with_name(f".{destination.name}.lock"), limits.total_seconds):
        yield
