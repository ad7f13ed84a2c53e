"""Reading files, whoever they are from: without waiting for anybody, and no more than is wanted."""

from __future__ import annotations

import errno
import gzip
import os
import stat
import sys
import zlib
from pathlib import Path

_PIECE = 1 << 18  # bytes that fit into a processor's cache


class IrregularFileError(OSError):
    """Something that has a file's name and is none: a folder, a FIFO, a device, a socket."""

    def __init__(self, path: str | os.PathLike[str], *, is_folder: bool = False) -> None:
        what = "a folder, not a regular file" if is_folder else "not a regular file"
        super().__init__(errno.EINVAL, what, os.fspath(path))


def open_regular(path: str | os.PathLike[str], flags: int = os.O_RDONLY) -> int:
    """Opens a regular file, and nothing else, without waiting for anybody.

    What a path names is known only once it is open: another process may have put a FIFO in a file's
    place since, and opening that would wait for whoever writes to it.

    Args:
      path: the file; may be a stranger's.
      flags: those of `os.open`.

    Returns:
      A file descriptor.

    Raises:
      IrregularFileError: it is no regular file.
      OSError: it cannot be opened.
      ValueError: there is a NUL in the path.
    """
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        raise IrregularFileError(path) from None  # a socket, or a FIFO that nobody reads
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise IrregularFileError(path, is_folder=stat.S_ISDIR(mode))
    return descriptor


def gunzipped_size(path: Path, most: int = sys.maxsize) -> int:
    """Reads a gzip file to its end, where length and CRC are compared with what is there.

    Args:
      path: the file.
      most: bytes after which to give up; then more than these are returned.

    Returns:
      The number of bytes that it unpacks to.

    Raises:
      gzip.BadGzipFile: it is damaged, or not whole.
      OSError: it cannot be read.
    """
    n_bytes = 0
    try:
        with gzip.open(path) as stream:
            while n_bytes <= most and (piece := stream.read(_PIECE)):
                n_bytes += len(piece)
    except (EOFError, zlib.error) as error:
        raise gzip.BadGzipFile(str(error)) from None
    return n_bytes


def read_small(path: Path, most: int) -> bytes:
    """Reads a file that may be a stranger's, and anything but a small file.

    Args:
      path: the file.
      most: bytes that it may have.

    Raises:
      OSError: it cannot be read, is no regular file, or is larger.
    """
    with open(open_regular(path), "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"larger than {most:,} bytes", str(path))
    return data
