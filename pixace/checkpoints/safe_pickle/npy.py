"""Reads a stream of .npy arrays: what `numpy.save` wrote, one array after the other.

The header of each is the text of a Python dict, which NumPy's own reader hands to an evaluator of
literals. Here it has to match what `numpy.save` writes for an array of plain numbers, character by
character; sizes are compared with what a file may hold before any memory is taken.
"""

import math
import re
from typing import Any

import numpy as np

from pixace.checkpoints.safe_pickle.arrays import checked_sizes, shaped
from pixace.checkpoints.safe_pickle.dtypes import plain_dtype
from pixace.checkpoints.safe_pickle.records import refuse
from pixace.checkpoints.safe_pickle.source import CutOffError, Source
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
    """Reads one stream."""

    def __init__(self, source: Source) -> None:
        """Starts where the source is."""
        self._source = source

    def read(self) -> list[np.ndarray[Any, Any]]:
        """Reads all arrays.

        Returns:
            Each as `numpy.load` would return it: the same bits, byte order and layout.

        Raises:
            RefusedError: at the first thing that is no array of plain numbers.
        """
        arrays: list[np.ndarray[Any, Any]] = []
        while self._source.head(1):
            self._source.at = self._source.position
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
        needed = math.prod(shape) * dtype.itemsize
        try:
            contents = self._source.read(needed)
        except CutOffError as err:
            refuse(f"an array that declares {needed} bytes where {err.left} are left")
        return shaped(shape, dtype, "F" if fortran == "True" else "C", contents)

    def _header(self) -> str:
        """Reads up to where the array's contents begin."""
        try:
            if self._source.take(len(MAGIC)) != MAGIC:
                refuse("something that is no .npy array")
            major, minor = self._source.take(2)
            if major not in _LENGTH_BYTES or minor != 0:
                refuse(f"version {major}.{minor} of the .npy format; 1.0, 2.0 and 3.0 are known")
            length = int.from_bytes(self._source.take(_LENGTH_BYTES[major]), "little")
            if length > _MAX_HEADER:
                refuse(f"an array whose header has {length} bytes")
            return self._source.take(length).decode("latin1")
        except CutOffError:
            refuse("the stream ends inside an array: the file is cut off")
