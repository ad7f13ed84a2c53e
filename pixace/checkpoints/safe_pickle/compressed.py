"""The bytes inside a file: opened without waiting, unpacked within limits, verified to the end."""

import contextlib
import logging
import os
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from pixace.checkpoints.safe_pickle.limits import Limits
from pixace.checkpoints.safe_pickle.records import RefusedError
from pixace.checkpoints.safe_pickle.source import Source
from pixace.errors import CheckpointError
from pixace.system.reading import IrregularFileError, open_regular
from pixace.wording import shown

_log = logging.getLogger(__name__)

_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 18  # bytes read at a time
# Bytes decompressed at a time: zlib can make a thousand of one, so the output is what is bounded.
_PIECE = 1 << 18


class Kind(NamedTuple):
    """What a file is expected to hold.

    Attributes:
        name: for messages.
        magic: how it starts.
    """

    name: str
    magic: bytes


class PackedFile(NamedTuple):
    """A file that is open.

    Attributes:
        source: what is in it. At its end zlib has compared CRC and length with the trailer.
        packed_at: the gzip header's time, in seconds since 1970; 0 where there is none.
    """

    source: Source
    packed_at: int


class _FileError(RefusedError):
    """Something wrong with the file rather than with what it says."""


@contextlib.contextmanager
def refusing(name: str, source: Source) -> Iterator[Source]:
    """Within it, what is found in a source is told as an error with its name and place.

    Raises:
        CheckpointError: something is refused; one line.
    """
    try:
        yield source
    except _FileError as err:
        raise CheckpointError(f"{name}: refused: {err}") from None
    except RefusedError as err:
        raise CheckpointError(f"{name}: refused at byte {source.at}: {err}") from None
    except (MemoryError, RecursionError):
        raise CheckpointError(
            f"{name}: refused at byte {source.at}: it needs more memory than there is"
        ) from None
    except OSError as err:
        raise CheckpointError(f"{name}: cannot be read: {err.strerror}") from None


@contextlib.contextmanager
def unpacking(path: str | os.PathLike[str], kind: Kind, limits: Limits) -> Iterator[PackedFile]:
    """Opens a file, gzip-compressed or not, which is read, unpacked and judged all at once.

    Args:
        path: the file. A name ending in .gz must hold gzip.
        kind: what it is expected to hold; only how that starts is looked at.
        limits: how much is unpacked before the file is refused.

    Raises:
        CheckpointError: if the file cannot be read, is damaged, or is too large, or something in it
            is refused meanwhile; one line.
    """
    name = shown(path)
    _log.debug("reading %s", name)
    try:
        handle = open_regular(path)
    except IrregularFileError as err:
        raise CheckpointError(f"{name}: refused: {err.strerror}") from None
    except (OSError, ValueError) as err:  # ValueError: a NUL in the path
        reason = err.strerror if isinstance(err, OSError) else str(err)
        raise CheckpointError(f"{name}: cannot be read: {reason}") from None
    try:
        with refusing(name, Source(iter(()), limits)):
            packed = _opened(handle, os.fsdecode(path), kind, limits)
        with refusing(name, packed.source):
            yield packed
    finally:
        os.close(handle)


def _opened(handle: int, path: str, kind: Kind, limits: Limits) -> PackedFile:
    """Returns what is in a file, of which only the beginning has been looked at."""
    n_bytes = os.fstat(handle).st_size
    # Data that does not compress grows by 5 bytes in 16,383; the rest is room for the header.
    if n_bytes > limits.decompressed_bytes + limits.decompressed_bytes // 1000 + _CHUNK:
        _refuse(
            f"{n_bytes} bytes, more than the limit of {limits.decompressed_bytes}{limits.advice}"
        )
    chunks = iter(lambda: os.read(handle, _CHUNK), b"")
    first = next(chunks, b"")
    if first.startswith(_GZIP_MAGIC):
        packed_at = int.from_bytes(first[4:8], "little")
        return PackedFile(Source(_gunzipped(first, chunks, kind, limits), limits), packed_at)
    if path.endswith(".gz"):
        _refuse(f"no gzip file, whatever its name says: it starts with {first[:8]!r}")
    return PackedFile(Source(_plain(first, chunks, limits), limits), 0)


def _refuse(what: str) -> Any:
    raise _FileError(what)


def _plain(first: bytes, chunks: Iterator[bytes], limits: Limits) -> Iterator[bytes]:
    """Yields an uncompressed file's bytes."""
    n_bytes, chunk = 0, first
    while chunk:
        n_bytes += len(chunk)
        if n_bytes > limits.decompressed_bytes:  # the file has grown since it was measured
            _refuse(f"more than the limit of {limits.decompressed_bytes} bytes{limits.advice}")
        yield chunk
        chunk = next(chunks, b"")


def _gunzipped(
    first: bytes, chunks: Iterator[bytes], kind: Kind, limits: Limits
) -> Iterator[bytes]:
    """Decompresses one gzip member and makes sure that it is all there is, and whole.

    Args:
        first: the beginning of the file.
        chunks: the rest of it.
        kind: of the result.
        limits: of the result.

    Yields:
        The decompressed bytes; before the end zlib compares their CRC and length with the trailer.

    Raises:
        RefusedError: if the file is damaged, cut off, followed by anything, or too large.
    """
    member = zlib.decompressobj(wbits=31)  # 31: a gzip header and trailer are required
    n_bytes = 0
    start = b""
    chunk = first
    while chunk and not member.eof:
        before = n_bytes
        for piece in _inflated(member, chunk, n_bytes):
            n_bytes += len(piece)
            if n_bytes > limits.decompressed_bytes:
                _refuse(
                    f"it unpacks to more than the limit of {limits.decompressed_bytes} bytes"
                    f"{limits.advice}"
                )
            # Spares unpacking gigabytes of something else.
            if len(start) < len(kind.magic):
                start = (start + piece)[: len(kind.magic) + 2]
                if not kind.magic.startswith(start[: len(kind.magic)]):
                    _refuse(f"not {kind.name}: it starts with {(start + piece)[:8]!r}")
            yield piece
        # A file name or empty blocks without end: real data is never stretched like this.
        if n_bytes == before and len(chunk) == _CHUNK and not member.eof:
            _refuse(f"{_CHUNK} bytes of gzip that hold no data")
        if not member.eof:
            chunk = next(chunks, b"")
    if not member.eof:
        _refuse(f"the gzip data is cut off after {n_bytes} decompressed bytes")
    if member.unused_data or next(chunks, b""):
        _refuse("something follows the end of the gzip data")


def _inflated(member: Any, chunk: bytes, n_before: int) -> Iterator[bytes]:
    """Yields what one chunk decompresses to, in pieces, none of them empty."""
    n_bytes = n_before
    while chunk or not member.eof:
        try:
            piece = member.decompress(chunk, _PIECE)
        except zlib.error as err:
            _refuse(f"damaged gzip data after {n_bytes} decompressed bytes ({err})")
        n_bytes += len(piece)
        chunk = member.unconsumed_tail
        if piece:
            yield piece
        if member.eof or (not chunk and len(piece) < _PIECE):
            return
