"""What was painted on a page, packed into a line of text: a recipe carries it where no file can."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import zlib

import numpy as np

from pixace.errors import UsageError
from pixace.settings.pictures import PictureSettings
from pixace.tokens.order import order_of

_MAX_TEXT = 60_000  # of a recipe's 64,000 characters
_NUMBER = np.dtype("<u4")


@dataclasses.dataclass(frozen=True)
class Painted:
    """A number for each pixel in reading order: its token, or whether a mask draws it.

    Attributes:
      painted: these numbers, packed; what is wrong with them shows when they are unpacked.

    Raises:
      UsageError: it is no text, or one too long for a recipe.
    """

    painted: str

    def __post_init__(self) -> None:
        if not isinstance(self.painted, str):
            raise UsageError("what was painted is no text")
        if len(self.painted) > _MAX_TEXT:
            raise UsageError("what was painted is too much for a picture's file; paint less of it")

    @classmethod
    def of(cls, numbers: np.ndarray) -> Painted:
        """Packs numbers of 0 or more, integers or bool, of L pixels in reading order.

        Raises:
          UsageError: they are too many.
        """
        packed = zlib.compress(numbers.astype(_NUMBER).tobytes(), 9)
        return cls(base64.b64encode(packed).decode("ascii"))

    def sequence(self, pictures: PictureSettings, n_kinds: int) -> np.ndarray:
        """Unpacks the numbers as int32 (L,), in the order of a model's pixels; see `numbers`."""
        numbers = self.numbers(pictures.n_pixels, n_kinds)
        return order_of(pictures).sequence(numbers.reshape(pictures.shape))

    def numbers(self, n_pixels: int, n_kinds: int) -> np.ndarray:
        """Unpacks the numbers, which may be a stranger's, as int32 (L,) in reading order.

        Args:
          n_pixels: L.
          n_kinds: which they are below.

        Raises:
          UsageError: they are not so many, or others.
        """
        n_bytes = n_pixels * _NUMBER.itemsize
        unpacking = zlib.decompressobj()
        try:
            packed = base64.b64decode(self.painted, validate=True)
            unpacked = unpacking.decompress(packed, n_bytes + 1)
        except (binascii.Error, ValueError, zlib.error):
            raise UsageError("what was painted is damaged") from None
        if len(unpacked) != n_bytes:
            raise UsageError(f"what was painted is not of {n_pixels} pixels")
        numbers = np.frombuffer(unpacked, _NUMBER)
        if numbers.max(initial=0) >= n_kinds:
            raise UsageError("what was painted has a colour that the model has not")
        return numbers.astype(np.int32)
