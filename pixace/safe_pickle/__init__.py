"""Reads a file of weights that a stranger may have written, without executing it.

A pickle is a program: the standard unpickler imports and calls what the file names, and lists of
permitted names have been talked round again and again. So nothing here unpickles. The way of the
data, each step bounded:

    file -> a regular file, opened without waiting
         -> gunzip, with length and CRC, one member, to its true end
         -> opcodes (`stream`): only those of real files; inert records on the stack
         -> names: found in a fixed table or refused; calls: our own functions, arguments checked
         -> arrays (`arrays`): dtype from a list of 12, shape and bytes agree
         -> plain containers, NumPy arrays and scalars, `TensorSignature`

Whoever writes the file may choose every byte of it. They may get: a refusal in one line, or plain
data. They may not get: anything imported, called, opened or written, a crash, memory beyond
`Limits`, a traceback. What the data *says* is not judged here: whoever loads a checkpoint compares
its keys, shapes and types with the model.
"""

import os
import stat
import zlib
from collections.abc import Iterator
from typing import Any

from pixace.errors import CheckpointError, shown
from pixace.safe_pickle.records import Refused, TensorSignature, refuse
from pixace.safe_pickle.stream import Limits, Walker

__all__ = ["DEFAULT_LIMITS", "Limits", "TensorSignature", "load", "loads"]

DEFAULT_LIMITS = Limits()

_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 18  # bytes read at a time
_PIECE = (
    1 << 20
)  # bytes decompressed at a time: zlib can make a thousand of one, so the output is what is bounded


def load(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> Any:
    """Reads a file of weights: a pickle, gzip-compressed or not.

    Args:
        path: the file. A name ending in .gz must hold gzip.
        limits: how much is read before the file is refused.

    Returns:
        What the pickle describes, in dicts, lists, tuples, str, bytes, int, float, bool, None,
        NumPy arrays and scalars, and `TensorSignature`.

    Raises:
        CheckpointError: if the file cannot be read, is damaged, or holds anything else; one line.
    """
    name = shown(path)
    try:
        data = _read(path, limits)
    except Refused as err:
        raise CheckpointError(f"{name}: refused: {err}") from None
    except (OSError, ValueError) as err:  # ValueError: a NUL in the path
        reason = err.strerror if isinstance(err, OSError) else str(err)
        raise CheckpointError(f"{name}: cannot be read: {reason}") from None
    except MemoryError:
        raise CheckpointError(f"{name}: refused: it unpacks to more than memory holds") from None
    return loads(data, name=name, limits=limits)


def loads(data: bytes | bytearray, *, name: str, limits: Limits = DEFAULT_LIMITS) -> Any:
    """Reads the bytes of an uncompressed pickle, as `load` does.

    Args:
        data: the whole pickle; STOP must be its last byte.
        name: what to call it in messages.
        limits: how much is read before it is refused.

    Returns:
        As `load`.

    Raises:
        CheckpointError: as `load`.
    """
    walker = Walker(data, limits)
    name = shown(name)
    try:
        return walker.walk()
    except Refused as err:
        raise CheckpointError(f"{name}: refused at byte {walker.at}: {err}") from None
    except (MemoryError, RecursionError):
        raise CheckpointError(
            f"{name}: refused at byte {walker.at}: it needs more memory than there is"
        ) from None


def _read(path: str | os.PathLike[str], limits: Limits) -> bytearray:
    """Returns the whole pickle of a file, decompressed and verified."""
    # Without O_NONBLOCK, opening a FIFO waits for a writer for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            refuse("not a regular file")
        # Data that does not compress grows by 5 bytes in 16,383; the rest is room for the header.
        if status.st_size > limits.decompressed_bytes + limits.decompressed_bytes // 1000 + _CHUNK:
            refuse(f"{status.st_size} bytes, more than the limit of {limits.decompressed_bytes}")
        chunks = iter(lambda: os.read(handle, _CHUNK), b"")
        first = next(chunks, b"")
        if first.startswith(_GZIP_MAGIC):
            return _gunzip(first, chunks, limits)
        if os.fsdecode(path).endswith(".gz"):
            refuse(f"no gzip file, whatever its name says: it starts with {first[:8]!r}")
        return _gather(first, chunks, limits)
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


def _gunzip(first: bytes, chunks: Iterator[bytes], limits: Limits) -> bytearray:
    """Decompresses one gzip member and makes sure that it is all there is, and whole.

    Args:
        first: the beginning of the file.
        chunks: the rest of it.
        limits: of the result.

    Returns:
        The decompressed bytes; zlib has compared their CRC and length with the trailer.

    Raises:
        Refused: if the file is damaged, cut off, followed by anything, or too large.
    """
    member = zlib.decompressobj(wbits=31)  # 31: a gzip header and trailer are required
    data = bytearray()
    chunk = first
    while chunk:
        before = len(data)
        try:
            _inflate(member, chunk, data, limits)
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


def _inflate(member: Any, chunk: bytes, data: bytearray, limits: Limits) -> None:
    """Decompresses one chunk onto `data`, never more than a piece beyond the limit."""
    while chunk or not member.eof:
        piece = member.decompress(chunk, _PIECE)
        data += piece
        chunk = member.unconsumed_tail
        if len(data) > limits.decompressed_bytes:
            refuse(f"it unpacks to more than the limit of {limits.decompressed_bytes} bytes")
        if data and data[0] != 0x80:  # spares unpacking gigabytes of something else
            refuse(f"not a pickle of protocol 2 to 5: it starts with {bytes(data[:8])!r}")
        if member.eof or (not chunk and len(piece) < _PIECE):
            return
