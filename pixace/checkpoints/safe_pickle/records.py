"""Inert records that stand for the objects of a pickle while it is walked.

Nothing here is a class or a function that the file named: a name in a file is looked up in
`SYMBOLS` and becomes an enumeration member or a refusal. `stream` keeps these records
on its `stack`, `arrays` fills them, `to_plain` turns what is left at the end into plain
values.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

import numpy as np


class RefusedError(Exception):
    """Something that weights never hold; the walker adds the file's name and the place."""


def refuse(what: str) -> NoReturn:
    """Raises `RefusedError`; `what` says in half a sentence what was found."""
    raise RefusedError(what)


class Symbol(enum.Enum):
    """The only names a file may mention, each standing for itself and nothing more."""

    NDARRAY = "numpy.ndarray"
    DTYPE = "numpy.dtype"
    RECONSTRUCT = "numpy's _reconstruct"
    SCALAR = "numpy's scalar"
    FROMBUFFER = "numpy's _frombuffer"
    ENCODE = "_codecs.encode"
    DEFAULTDICT = "collections.defaultdict"
    LIST = "list"
    BYTES = "bytes"
    SHAPE_DTYPE = "trax's ShapeDtype"
    JAX_ARRAY = "jax's _reconstruct_array"


SYMBOLS: dict[tuple[str, str], Symbol] = {
    ("numpy", "ndarray"): Symbol.NDARRAY,
    ("numpy", "dtype"): Symbol.DTYPE,
    ("numpy.core.multiarray", "_reconstruct"): Symbol.RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): Symbol.RECONSTRUCT,
    ("numpy.core.multiarray", "scalar"): Symbol.SCALAR,
    ("numpy._core.multiarray", "scalar"): Symbol.SCALAR,
    ("numpy.core.numeric", "_frombuffer"): Symbol.FROMBUFFER,
    ("numpy._core.numeric", "_frombuffer"): Symbol.FROMBUFFER,
    # Protocol 2 has no opcode for bytes: it writes encode(text, "latin1"), and bytes() for none.
    ("_codecs", "encode"): Symbol.ENCODE,
    ("__builtin__", "bytes"): Symbol.BYTES,
    ("builtins", "bytes"): Symbol.BYTES,
    ("collections", "defaultdict"): Symbol.DEFAULTDICT,
    ("__builtin__", "list"): Symbol.LIST,
    ("builtins", "list"): Symbol.LIST,
    ("trax.shapes", "ShapeDtype"): Symbol.SHAPE_DTYPE,
    ("jax._src.array", "_reconstruct_array"): Symbol.JAX_ARRAY,
    # The same with the same four arguments, before jax had `array`. Earlier still a jax array was
    # pickled as a plain NumPy one.
    ("jax._src.device_array", "reconstruct_device_array"): Symbol.JAX_ARRAY,
}


@dataclass(frozen=True)
class TensorSignature:
    """What `trax.shapes.ShapeDtype` becomes: the shape and element type of a model's input.

    Attributes:
        shape: one size per axis, None where any size fits.
        dtype: NumPy's name of the element type, such as "int32".
    """

    shape: tuple[int | None, ...]
    dtype: str


@dataclass(eq=False, slots=True)
class Contents:
    """Bytes of the stream, which become the memory of one array.

    Attributes:
        data: uint8 (n,).
        is_taken: True once an array has them as its own.
        copy: the same as a value that is no array, made once however often the value is used.
    """

    data: np.ndarray[Any, Any]
    is_taken: bool = False
    copy: Any = None


@dataclass(eq=False, slots=True)
class Raw(Contents):
    """Bytes as such.

    Attributes:
        mutable: True for a bytearray, which serves only as the contents of an array.
    """

    mutable: bool = False


@dataclass(eq=False, slots=True)
class LongText(Contents):
    """A long text of letters up to U+00FF, each of them one byte."""


@dataclass(eq=False, slots=True)
class Box:
    """A list, tuple or dict of the stream; `stream` alone fills it.

    Attributes:
        kind: what it becomes.
        parts: the elements, or the values of a dict.
        keys: the keys of a dict, in the order of `parts`.
        depth: 1 plus the depth of the deepest box inside.
        items: elements inside at all levels, one shared twice counted twice.
        placed: True once it lies inside another box.
        made: what it has become, so that a tuple that is shared is made once.
    """

    kind: Literal["list", "tuple", "dict"]
    parts: list[Any] = field(default_factory=list)
    keys: dict[str | int, None] = field(default_factory=dict)
    depth: int = 1
    items: int = 0
    placed: bool = False
    made: Any = None


@dataclass(eq=False, slots=True)
class UnbuiltDtype:
    """A dtype whose byte order follows in a BUILD."""

    code: str
    dtype: np.dtype[Any] | None = None


@dataclass(eq=False, slots=True)
class UnbuiltArray:
    """An array whose shape, dtype and bytes follow in a BUILD."""

    array: np.ndarray[Any, Any] | None = None


@dataclass(eq=False, slots=True)
class UnbuiltSignature:
    """A ShapeDtype whose shape and dtype follow in a BUILD."""

    signature: TensorSignature | None = None


def to_plain(value: Any, pay_copy: Callable[[int], None]) -> Any:
    """Turns a value of the stack into what the caller of `load` gets.

    Args:
        value: a record, box or plain value; boxes are finite and at most `Limits.depth` deep.
        pay_copy: is told how many bytes are about to be copied, and may refuse.

    Returns:
        Plain containers and values.

    Raises:
        RefusedError: if a name or an unfinished object is left over.
    """
    kind = type(value)
    if kind is Box:
        return _plain_container(value, pay_copy)
    if kind is LongText or (kind is Raw and not value.mutable):
        if value.copy is None:
            pay_copy(value.data.nbytes)
            value.copy = str(value.data, "latin1") if kind is LongText else value.data.tobytes()
        return value.copy
    finished = value
    if kind is UnbuiltArray:
        finished = value.array
    elif kind is UnbuiltSignature:
        finished = value.signature
    elif kind in (Symbol, UnbuiltDtype, Raw):
        finished = None
    if finished is None and value is not None:
        refuse(f"a value that is {_describe(value)}")
    return finished


def _plain_container(box: Box, pay_copy: Callable[[int], None]) -> Any:
    if box.made is None:
        parts = [to_plain(part, pay_copy) for part in box.parts]
        if box.kind == "dict":
            return dict(zip(box.keys, parts, strict=True))
        if box.kind == "list":
            return parts
        box.made = tuple(parts)
    return box.made


def _describe(value: Any) -> str:
    if type(value) is Symbol:
        return f"the bare name {value.value}"
    return {UnbuiltDtype: "a bare dtype", Raw: "a bytearray"}.get(
        type(value), "an object without contents"
    )


def is_int(value: Any, expected: int) -> bool:
    """Returns whether a value is exactly this number, False and True passing for 0 and 1."""
    return type(value) in (int, bool) and value == expected


def is_tuple(value: Any) -> bool:
    """Returns whether a value is a tuple of the stream."""
    return type(value) is Box and value.kind == "tuple"
