"""The calls that files of weights hold, done by functions of our own, and the arrays made by them.

A "call" in the stream is a look-up of its symbol in `_MAKERS`, whose functions check every
argument; an array is made only when dtype, shape and bytes have been found to agree, in the very
memory that the bytes were read into.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from pixace.checkpoints.safe_pickle.dtypes import built_dtype, make_dtype
from pixace.checkpoints.safe_pickle.limits import Budget
from pixace.checkpoints.safe_pickle.records import (
    Box,
    LongText,
    Raw,
    Symbol,
    TensorSignature,
    UnbuiltArray,
    UnbuiltSignature,
    is_int,
    is_tuple,
    refuse,
)
from pixace.checkpoints.safe_pickle.source import in_memory
from pixace.wording import quoted_text

_OF_ARRAY, _OF_AXIS = 300, 64  # bytes of the objects that make memory an array
MAX_DIMS = 32  # NumPy 1's own ceiling; NumPy 2 takes 64, no model comes near either


def _check_shape(box: Any, itemsize: int, present: int) -> tuple[int, ...]:
    """Returns the shape that a tuple of the stream declares, if it agrees with the bytes present.

    Args:
        box: the tuple of sizes.
        itemsize: bytes of one element.
        present: bytes that the stream holds for the array.

    Returns:
        The shape; its elements fill `present` bytes exactly.

    Raises:
        RefusedError: for a shape that is no tuple of sizes, or that does not agree.
    """
    if not is_tuple(box):
        refuse(f"a shape that is not a tuple of at most {MAX_DIMS} sizes")
    shape = checked_sizes(box.parts)
    needed = math.prod(shape) * itemsize
    if needed != present:
        refuse(f"an array that declares {needed} bytes and holds {present}")
    return shape


def checked_sizes(sizes: Sequence[Any]) -> tuple[int, ...]:
    """Returns the sizes of an array's axes as its shape.

    Raises:
        RefusedError: if there are too many, one is no size, or together they are beyond any memory.
    """
    if len(sizes) > MAX_DIMS:
        refuse(f"a shape that is not a tuple of at most {MAX_DIMS} sizes")
    shape = tuple(sizes)
    # 2**48 elements are beyond any memory; past 2**63 NumPy raises even when another size is 0.
    if (
        not all(type(size) is int and size >= 0 for size in shape)
        or math.prod(filter(None, shape)) > 2**48
    ):
        refuse("an array whose shape holds something that is no size")
    return shape


def _make_array(
    shape_box: Any, dtype_record: Any, raw: Any, order: Literal["C", "F"], budget: Budget
) -> np.ndarray[Any, Any]:
    """Returns the array that records of the stream describe."""
    dtype = built_dtype(dtype_record)
    if type(raw) is not Raw:
        refuse("an array whose contents are not bytes")
    shape = _check_shape(shape_box, dtype.itemsize, raw.data.nbytes)
    budget.spend(_OF_ARRAY + _OF_AXIS * len(shape))
    return shaped(shape, dtype, order, in_memory(raw, budget))


def shaped(
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    order: Literal["C", "F"],
    contents: np.ndarray[Any, Any],
) -> np.ndarray[Any, Any]:
    """Makes bytes an aligned, writable array, without copying them.

    Args:
        shape: checked.
        dtype: checked.
        order: of the elements in `contents` and in the array.
        contents: uint8, as many as the array has bytes; they become its memory.

    Raises:
        RefusedError: for a boolean that is neither 0 nor 1.
    """
    if dtype == np.bool_ and contents.size and contents.max() > 1:
        refuse("an array of booleans with a byte that is neither 0 nor 1")
    if not contents.size:
        return np.empty(shape, dtype, order)
    return contents.view(dtype).reshape(shape, order=order)


def _array_of_state(state: Any, budget: Budget) -> np.ndarray[Any, Any]:
    """Returns the array of NumPy's state (1, shape, dtype, is_fortran, bytes)."""
    parts = state.parts if is_tuple(state) else []
    if (
        len(parts) != 5
        or not is_int(parts[0], 1)
        or type(parts[3]) not in (bool, int)
        or parts[3] not in (0, 1)
    ):
        refuse("an array state that is not (1, shape, dtype, is_fortran, bytes)")
    array = _make_array(parts[1], parts[2], parts[4], "F" if parts[3] else "C", budget)
    if array.dtype.isnative:
        return array
    # NumPy, given a state in the other byte order, swaps it as well. Not in place: the same bytes
    # may be another array's.
    budget.spend(array.nbytes)
    return array.byteswap().view(array.dtype.newbyteorder("="))


def build_array(record: UnbuiltArray, state: Any, budget: Budget) -> None:
    """Gives an array its contents.

    Args:
        record: the array, not yet built.
        state: the tuple (1, shape, dtype, is_fortran, bytes).
        budget: pays for the bytes.

    Raises:
        RefusedError: if anything in the state disagrees, or the array has its contents already.
    """
    if record.array is not None:
        refuse("an array that is built twice")
    record.array = _array_of_state(state, budget)


def _make_unbuilt_array(args: Sequence[Any], budget: Budget) -> UnbuiltArray:
    """`_reconstruct(ndarray, (0,), b"b")`, the empty array that every NumPy array starts as."""
    if (
        len(args) != 3
        or args[0] is not Symbol.NDARRAY
        or not is_tuple(args[1])
        or type(args[2]) is not Raw
    ):
        refuse("a call of numpy's _reconstruct whose arguments are not (ndarray, (0,), b'b')")
    sizes = args[1].parts
    if (
        len(sizes) != 1
        or not is_int(sizes[0], 0)
        or args[2].mutable
        or args[2].data.tobytes() != b"b"
    ):
        refuse("a call of numpy's _reconstruct whose arguments are not (ndarray, (0,), b'b')")
    return UnbuiltArray()


def _make_scalar(args: Sequence[Any], budget: Budget) -> np.generic:
    """`scalar(dtype, bytes)`."""
    if len(args) != 2:
        refuse("a call of numpy's scalar whose arguments are not (dtype, bytes)")
    value: Any = _make_array(Box("tuple"), args[0], args[1], "C", budget)[()]
    return value  # type: ignore[no-any-return]


def _make_frombuffer(args: Sequence[Any], budget: Budget) -> np.ndarray[Any, Any]:
    """`_frombuffer(bytes, dtype, shape, order)`; order "K" has a fifth argument, the axes."""
    order = args[3] if len(args) in (4, 5) else None
    if len(args) == 4 and type(order) is str and order in ("C", "F"):
        return _make_array(args[2], args[1], args[0], "F" if order == "F" else "C", budget)
    if len(args) != 5 or type(order) is not str or order != "K" or not is_tuple(args[4]):
        refuse("a call of numpy's _frombuffer whose arguments are not (bytes, dtype, shape, order)")
    array = _make_array(args[2], args[1], args[0], "C", budget)
    axes = args[4].parts
    if any(type(axis) is not int for axis in axes) or sorted(axes) != list(range(array.ndim)):
        refuse("an array whose axes are given in no order there is")
    return array.transpose(axes)


def _make_encoded(args: Sequence[Any], budget: Budget) -> Raw:
    """`_codecs.encode(text, "latin1")`."""
    if len(args) != 2 or type(args[1]) is not str or args[1] != "latin1":
        refuse("a call of _codecs.encode whose arguments are not (text, 'latin1')")
    text = args[0]
    if type(text) is LongText:
        return Raw(in_memory(text, budget))
    if type(text) is not str:
        refuse("a call of _codecs.encode whose arguments are not (text, 'latin1')")
    budget.copy(len(text))
    try:
        return Raw(np.frombuffer(bytearray(text, "latin1"), np.uint8))
    except UnicodeEncodeError:
        refuse("bytes written as a text that is not latin1")


def _make_no_bytes(args: Sequence[Any], budget: Budget) -> Raw:
    """`bytes()`."""
    if args:
        refuse("a call of bytes with arguments")
    return Raw(np.empty(0, np.uint8))


def _make_defaultdict(args: Sequence[Any], budget: Budget) -> Box:
    """`defaultdict(list)`, which becomes a plain dict: a factory is of no use to a reader."""
    if len(args) != 1 or args[0] is not Symbol.LIST:
        refuse("a defaultdict whose factory is not list")
    return Box("dict")


def _make_jax_array(args: Sequence[Any], budget: Budget) -> np.ndarray[Any, Any]:
    """`_reconstruct_array(fun, args, state, aval_state)`; the real one calls whatever `fun` is."""
    if len(args) != 4 or args[0] is not Symbol.RECONSTRUCT or not is_tuple(args[1]):
        refuse("a jax array that is not built from numpy's _reconstruct")
    _make_unbuilt_array(args[1].parts, budget)
    aval = args[3]
    if type(aval) is not Box or aval.kind != "dict":
        refuse("a jax array whose type is not described by a dict")
    for key, value in zip(aval.keys, aval.parts, strict=True):
        no_names = type(value) is Box and value.kind == "dict" and not value.parts
        if not (key == "weak_type" and type(value) is bool) and not (
            key == "named_shape" and no_names
        ):
            refuse(f"a jax array whose type has {quoted_text(key)}")
    return _array_of_state(args[2], budget)


_MAKERS: dict[Symbol, Callable[[Sequence[Any], Budget], Any]] = {
    Symbol.DTYPE: make_dtype,
    Symbol.RECONSTRUCT: _make_unbuilt_array,
    Symbol.SCALAR: _make_scalar,
    Symbol.FROMBUFFER: _make_frombuffer,
    Symbol.ENCODE: _make_encoded,
    Symbol.BYTES: _make_no_bytes,
    Symbol.DEFAULTDICT: _make_defaultdict,
    Symbol.JAX_ARRAY: _make_jax_array,
}


def make(symbol: Any, args: Any, budget: Budget) -> Any:
    """Returns what a call of an allowed symbol stands for; calls nothing that the file named.

    Args:
        symbol: what the stream wants called.
        args: its arguments.
        budget: pays for the bytes of arrays.

    Returns:
        A record, an array or a scalar.

    Raises:
        RefusedError: unless the symbol may be called, with arguments as in real files.
    """
    if type(symbol) is not Symbol:
        refuse("a call of something that is not a name")
    if not is_tuple(args):
        refuse(f"a call of {symbol.value} whose arguments are not a tuple")
    if symbol not in _MAKERS:
        refuse(f"a call of {symbol.value}")
    return _MAKERS[symbol](args.parts, budget)


def build_signature(record: UnbuiltSignature, state: Any) -> None:
    """Gives a ShapeDtype its shape and dtype.

    Args:
        record: the signature, not yet built.
        state: (None, {"shape": tuple, "dtype": dtype}), as a class with slots is pickled.

    Raises:
        RefusedError: for any other state, or a second one.
    """
    if record.signature is not None:
        refuse("a ShapeDtype that is built twice")
    parts = state.parts if is_tuple(state) else []
    if (
        len(parts) != 2
        or parts[0] is not None
        or type(parts[1]) is not Box
        or set(parts[1].keys) != {"shape", "dtype"}
    ):
        refuse("a ShapeDtype whose state is not its shape and dtype")
    slots = dict(zip(parts[1].keys, parts[1].parts, strict=True))
    shape = slots["shape"]
    if not is_tuple(shape) or len(shape.parts) > MAX_DIMS:
        refuse(f"a ShapeDtype whose shape is not a tuple of at most {MAX_DIMS} sizes")
    if not all(size is None or (type(size) is int and 0 <= size < 2**63) for size in shape.parts):
        refuse("a ShapeDtype whose shape holds something that is no size")
    record.signature = TensorSignature(tuple(shape.parts), built_dtype(slots["dtype"]).name)
