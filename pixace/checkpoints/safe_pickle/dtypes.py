"""The number types of arrays: of all that NumPy calls a dtype, the plain ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pixace.checkpoints.safe_pickle.limits import Budget
from pixace.checkpoints.safe_pickle.records import UnbuiltDtype, is_int, is_tuple, refuse
from pixace.wording import quoted_text

_CODES = frozenset({"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"})


def make_dtype(args: Sequence[Any], budget: Budget) -> UnbuiltDtype:
    """Does the call `numpy.dtype(code, align=False, copy=True)`.

    Args:
        args: of the call.
        budget: pays for the bytes of arrays; this takes none.

    Raises:
        RefusedError: for any other arguments, or another code.
    """
    if len(args) != 3 or not is_int(args[1], 0) or not is_int(args[2], 1):
        refuse("a dtype whose arguments are not (code, False, True)")
    if type(args[0]) is not str or args[0] not in _CODES:
        refuse(f"a dtype of {quoted_text(args[0])}, which is no plain number type")
    return UnbuiltDtype(args[0])


def build_dtype(record: UnbuiltDtype, state: Any) -> None:
    """Gives a dtype its byte order.

    Args:
        record: the dtype, not yet built.
        state: NumPy's state version 3, (3, order, None, None, None, -1, -1, 0): no fields, names or
            subarray.

    Raises:
        RefusedError: for any other state, or a second one.
    """
    if record.dtype is not None:
        refuse("a dtype that is built twice")
    parts = state.parts if is_tuple(state) else []
    wanted = len(parts) == 8 and is_int(parts[0], 3) and all(part is None for part in parts[2:5])
    if not wanted or not all(map(is_int, parts[5:], (-1, -1, 0))):
        refuse("a dtype state that is not the one of a plain number type")
    record.dtype = plain_dtype(record.code, parts[1])


def plain_dtype(code: Any, order: Any) -> np.dtype[Any]:
    """Returns a plain number type.

    Args:
        code: its kind and its size, such as "f4".
        order: "|" for one byte, "<" or ">" for more.

    Raises:
        RefusedError: for any other code or order.
    """
    if type(code) is not str or code not in _CODES:
        refuse(f"a dtype of {quoted_text(code)}, which is no plain number type")
    orders = ("|",) if code.endswith("1") else ("<", ">")
    if type(order) is not str or order not in orders:
        refuse(f"a dtype {code} of byte order {quoted_text(order)}")
    return np.dtype(order + code)


def built_dtype(record: Any) -> np.dtype[Any]:
    """Returns the number type that a record of the stream describes.

    Raises:
        RefusedError: it is no record of a dtype, or one that is not finished.
    """
    if type(record) is not UnbuiltDtype or record.dtype is None:
        refuse("an array whose dtype is not a finished dtype")
    return record.dtype
