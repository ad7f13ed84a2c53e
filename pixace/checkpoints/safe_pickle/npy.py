"""Reads a stream of .npy arrays: what `numpy.save` wrote, one array after the other.

The header of each is the text of a Python dict, which NumPy's own reader hands to an evaluator of
literals. Here it has to match what `numpy.save` writes for an array of plain numbers, character by
character; sizes are compared with the bytes present before any memory is taken.
"""

import math
import re
from typing import Any

import numpy as np

from pixace.checkpoints.safe_pickle.arrays import checked_sizes, filled
from pixace.checkpoints.safe_pickle.dtypes import plain_dtype
from pixace.checkpoints.safe_pickle.records import refuse
from pixace.wording import quoted_text

MAGIC = b"\x93NUMPY"

_LENGTH_BYTES = {1: 2, 2: 4, 3: 4}  # of the header's own length, by the version of the format
# 32 sizes of 15 digits fill half of it. NumPy itself refuses more than 10,000.
_MAX_HEADER = 1024
_MAX_ARRAYS = 100_000  # the deepest model there is, with its optimiser, has 8,000

_SIZE = r"(?:0|[1-9]\d{0,17})"
_SIZES = rf"(?:|{_SIZE},|{_SIZE}(?:, {_SIZE})+)"
_HEADER = re.compile(
    r"\{'descr': '([<>|=])([^'\\]{1,20})', 'fortran_order': (True|False), "
    rf"'shape': \(({_SIZES})\), \}} *\n",
    re.ASCII,
)


class Reader:
    """Reads one stream.

    Attributes:
        at: offset of the array at hand, for messages.
    """

    def __init__(self, data: bytes | bytearray) -> None:
        """Starts at the first byte of `data`."""
        self.at = 0
        self._view = memoryview(data)
        self._pos = 0

    def read(self) -> list[np.ndarray[Any, Any]]:
        """Reads all arrays.

        Returns:
            Each as `numpy.load` would return it: the same bits, byte order and layout.

        Raises:
            RefusedError: at the first thing that is no array of plain numbers; `at` tells where.
        """
        arrays: list[np.ndarray[Any, Any]] = []
        while self._pos < len(self._view):
            self.at = self._pos
            if len(arrays) == _MAX_ARRAYS:
                refuse(f"more than {_MAX_ARRAYS} arrays")
            arrays.append(self._array())
        return arrays

    def _array(self) -> np.ndarray[Any, Any]:
        header = self._header()
        match = _HEADER.fullmatch(header)
        if match is None:
            said = quoted_text(header.rstrip())
            refuse(f"an array whose header is not that of plain numbers: {said}")
        byte_order, code, fortran, sizes = match.groups()
        dtype = plain_dtype(code, byte_order)
        shape = checked_sizes([int(size) for size in sizes.split(",") if size])
        needed, left = math.prod(shape) * dtype.itemsize, len(self._view) - self._pos
        if needed > left:
            refuse(f"an array that declares {needed} bytes where {left} are left")
        return filled(shape, dtype, "F" if fortran == "True" else "C", self._take(needed))

    def _header(self) -> str:
        """Reads up to where the array's contents begin."""
        if bytes(self._take(len(MAGIC))) != MAGIC:
            refuse("something that is no .npy array")
        major, minor = self._take(2)
        if major not in _LENGTH_BYTES or minor != 0:
            refuse(f"version {major}.{minor} of the .npy format; 1.0, 2.0 and 3.0 are known")
        length = int.from_bytes(self._take(_LENGTH_BYTES[major]), "little")
        if length > _MAX_HEADER:
            refuse(f"an array whose header has {length} bytes")
        return bytes(self._take(length)).decode("latin1")

    def _take(self, count: int) -> memoryview:
        """Returns the next bytes."""
        if count > len(self._view) - self._pos:
            refuse("the stream ends inside an array: the file is cut off")
        self._pos += count
        return self._view[self._pos - count : self._pos]
