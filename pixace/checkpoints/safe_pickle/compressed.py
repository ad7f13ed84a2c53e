"""The bytes inside a file: opened without waiting, unpacked within limits, verified to the end."""

import logging
import os
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from pixace.checkpoints.safe_pickle.records import RefusedError, refuse
from pixace.checkpoints.safe_pickle.stream import Limits
from pixace.errors import CheckpointError
from pixace.system.reading import IrregularFileError, open_regular
from pixace.wording import shown

_log = logging.getLogger(__name__)

_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 18  # bytes read at a time
# Bytes decompressed at a time: zlib can make a thousand of one, so the output is what is bounded.
_PIECE = 1 << 20


class Kind(NamedTuple):
    """What a file is expected to hold.

    Attributes:
        name: for messages.
        magic: how it starts.
    """

    name: str
    magic: bytes


class UnpackedFile(NamedTuple):
    """The bytes inside a file.

    Attributes:
        data: all of them; zlib has compared their CRC and length with the trailer.
        packed_at: the gzip header's time, in seconds since 1970; 0 where there is none.
    """

    data: bytearray
    packed_at: int


def unpack(path: str | os.PathLike[str], kind: Kind, limits: Limits) -> UnpackedFile:
    """Reads a whole file, gzip-compressed or not, and verifies it.

    Args:
        path: the file. A name ending in .gz must hold gzip.
        kind: what it is expected to hold; only how that starts is looked at.
        limits: how much is unpacked before the file is refused.

    Raises:
        CheckpointError: if the file cannot be read, is damaged, or is too large; one line.
    """
    name = shown(path)
    _log.debug("reading %s", name)
    try:
        return _read(path, kind, limits)
    except IrregularFileError as err:
        raise CheckpointError(f"{name}: refused: {err.strerror}") from None
    except RefusedError as err:
        raise CheckpointError(f"{name}: refused: {err}") from None
    except (OSError, ValueError) as err:  # ValueError: a NUL in the path
        reason = err.strerror if isinstance(err, OSError) else str(err)
        raise CheckpointError(f"{name}: cannot be read: {reason}") from None
    except MemoryError:
        raise CheckpointError(f"{name}: refused: it unpacks to more than memory holds") from None


def _read(path: str | os.PathLike[str], kind: Kind, limits: Limits) -> UnpackedFile:
    handle = open_regular(path)
    try:
        n_bytes = os.fstat(handle).st_size
        # Data that does not compress grows by 5 bytes in 16,383; the rest is room for the header.
        if n_bytes > limits.decompressed_bytes + limits.decompressed_bytes // 1000 + _CHUNK:
            refuse(f"{n_bytes} bytes, more than the limit of {limits.decompressed_bytes}")
        chunks = iter(lambda: os.read(handle, _CHUNK), b"")
        first = next(chunks, b"")
        if first.startswith(_GZIP_MAGIC):
            packed_at = int.from_bytes(first[4:8], "little")
            return UnpackedFile(_gunzip(first, chunks, kind, limits), packed_at)
        if os.fsdecode(path).endswith(".gz"):
            refuse(f"no gzip file, whatever its name says: it starts with {first[:8]!r}")
        return UnpackedFile(_gather(first, chunks, limits), 0)
    finally:
        os.close(handle)


def _gather(first: bytes, chunks: Iterator[bytes], limits: Limits) -> bytearray:
    """Returns an uncompressed file's bytes."""
    data = bytearray(first)
    for chunk in chunks:
        data += chunk
        if len(data) > limits.decompressed_bytes:  # the file has grown since it was measured
            refuse(f"more than the limit of {limits.decompressed_bytes} bytes")
    return data


def _gunzip(first: bytes, chunks: Iterator[bytes], kind: Kind, limits: Limits) -> bytearray:
    """Decompresses one gzip member and makes sure that it is all there is, and whole.

    Args:
        first: the beginning of the file.
        chunks: the rest of it.
        kind: of the result.
        limits: of the result.

    Returns:
        The decompressed bytes; zlib has compared their CRC and length with the trailer.

    Raises:
        RefusedError: if the file is damaged, cut off, followed by anything, or too large.
    """
    member = zlib.decompressobj(wbits=31)  # 31: a gzip header and trailer are required
    data = bytearray()
    chunk = first
    while chunk:
        before = len(data)
        try:
            _inflate(member, chunk, data, kind, limits)
        except zlib.error as err:
            refuse(f"damaged gzip data after {len(data)} decompressed bytes ({err})")
        if member.eof:
            break
        # A file name or empty blocks without end: real data is never stretched like this.
        if len(data) == before and len(chunk) == _CHUNK:
            refuse(f"{_CHUNK} bytes of gzip that hold no data")
        chunk = next(chunks, b"")
    if not member.eof:
        refuse(f"the gzip data is cut off after {len(data)} decompressed bytes")
    if member.unused_data or next(chunks, b""):
        refuse("something follows the end of the gzip data")
    return data


def _inflate(member: Any, chunk: bytes, data: bytearray, kind: Kind, limits: Limits) -> None:
    """Decompresses one chunk onto `data`, never more than a piece beyond the limit."""
    while chunk or not member.eof:
        piece = member.decompress(chunk, _PIECE)
        data += piece
        chunk = member.unconsumed_tail
        if len(data) > limits.decompressed_bytes:
            refuse(f"it unpacks to more than the limit of {limits.decompressed_bytes} bytes")
        # Spares unpacking gigabytes of something else.
        if not kind.magic.startswith(data[: len(kind.magic)]):
            refuse(f"not {kind.name}: it starts with {bytes(data[:8])!r}")
        if member.eof or (not chunk and len(piece) < _PIECE):
            return
