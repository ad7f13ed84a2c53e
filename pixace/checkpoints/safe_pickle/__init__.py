"""Reads a file of weights that a stranger may have written, without executing it.

A pickle is a program: the standard unpickler imports and calls what the file names, and lists of
permitted names have been talked round again and again. So nothing here unpickles. The way of the
data, each step bounded:

    file -> a regular file, opened without waiting
         -> gunzip, with length and CRC, one member, to its true end (`compressed`)
         -> bytes as they come (`source`); memory is taken as they do, within `limits`
         -> opcodes (`stream`): only those of real files; inert records on the `stack`
         -> names: found in a fixed table or refused; calls: our own functions, arguments checked
         -> arrays (`arrays`): dtype from a list of 12 (`dtypes`), shape and bytes agree
         -> plain containers, NumPy arrays and scalars, `TensorSignature`

A stream of .npy arrays goes the same way (`npy`); its headers, each the text of a Python dict, are
matched and not evaluated.

Whoever writes the file may choose every byte of it. They may get: a refusal in one line, or plain
data. They may not get: anything imported, called, opened or written, a crash, memory beyond
`Limits`, a traceback. Nothing is unpacked first and judged afterwards: what a file declares to be
large is refused before it is read, and each array is read into the memory that it stays in. What
the data *says* is not judged here: whoever loads a checkpoint compares its keys, shapes and types
with the model.
"""

import os
from typing import Any, NamedTuple

from pixace.checkpoints.safe_pickle import npy
from pixace.checkpoints.safe_pickle.compressed import Kind, refusing, unpacking
from pixace.checkpoints.safe_pickle.limits import Limits
from pixace.checkpoints.safe_pickle.records import TensorSignature
from pixace.checkpoints.safe_pickle.source import Source
from pixace.checkpoints.safe_pickle.stream import Walker
from pixace.wording import shown

__all__ = [
    "DEFAULT_LIMITS",
    "DatedContents",
    "Limits",
    "TensorSignature",
    "load",
    "load_arrays",
    "load_dated",
    "loads",
]

DEFAULT_LIMITS = Limits()

_PICKLE = Kind("a pickle of protocol 2 to 5", b"\x80")
_NPY = Kind("a stream of .npy arrays", npy.MAGIC)


class DatedContents(NamedTuple):
    """What a file holds, and when it was packed.

    Attributes:
        value: the contents.
        packed_at: when the writing of the file began, in seconds since 1970, as its gzip header
            says; 0 if it does not say. Unlike the time in the folder, it survives copying.
    """

    value: Any
    packed_at: int


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
    return load_dated(path, limits=limits).value


def load_dated(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> DatedContents:
    """Reads a file as `load` does, and the time at which it was packed."""
    with unpacking(path, _PICKLE, limits) as file:
        return DatedContents(Walker(file.source, limits).walk(), file.packed_at)


def load_arrays(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> DatedContents:
    """Reads a gzip file of arrays that `numpy.save` wrote one after the other.

    Args:
        path: the file.
        limits: how much is read before the file is refused.

    Returns:
        The list of arrays, and when it was packed.

    Raises:
        CheckpointError: if the file cannot be read, is damaged, or holds anything else; one line.
    """
    with unpacking(path, _NPY, limits) as file:
        return DatedContents(npy.Reader(file.source).read(), file.packed_at)


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
    with refusing(shown(name), Source(iter([bytes(data)]), limits)) as source:
        return Walker(source, limits).walk()
