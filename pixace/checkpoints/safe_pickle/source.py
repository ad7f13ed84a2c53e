"""The bytes of a stream, as they come: none are kept but those that were asked for."""

import codecs
import contextlib
import struct
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from pixace.checkpoints.safe_pickle.limits import Budget, Limits
from pixace.checkpoints.safe_pickle.records import Contents, LongText, RefusedError, refuse

_LONG_TEXT = 1 << 16  # bytes from which a text can only be the contents of an array (protocol 2)
_SHORT = 1 << 10  # bytes that are read at once
_OF_CONTENTS = 250  # bytes of the objects that hold some


class CutOffError(RefusedError):
    """The stream ends before what was asked for.

    Attributes:
        left: bytes that were there.
    """

    def __init__(self, left: int) -> None:
        super().__init__("the file is cut off")
        self.left = left


class Source:
    """Reads a stream from beginning to end.

    What a stream declares to be long is read in pieces into memory that the budget has granted:
    memory is taken as the bytes come, and not because they were promised.

    Attributes:
        at: offset of what is being read, for messages.
        budget: of memory.
    """

    def __init__(self, pieces: Iterator[bytes], limits: Limits) -> None:
        """Starts at the first byte.

        Args:
            pieces: the stream; they end where it ends, and never exceed the limits together.
            limits: of the stream and of memory.
        """
        self.at = 0
        self.budget = Budget(limits)
        self._pieces = pieces
        self._most = limits.decompressed_bytes
        self._piece = b""
        self._next = 0  # within the piece
        self._before = 0  # bytes of the pieces before

    @property
    def position(self) -> int:
        """The offset of the next byte."""
        return self._before + self._next

    def byte(self) -> int | None:
        """Returns the next byte, None at the end."""
        if self._next == len(self._piece) and not self._advance():
            return None
        value = self._piece[self._next]
        self._next += 1
        return value

    def _advance(self) -> bool:
        """Goes on to the next piece; returns whether there is one."""
        piece = next(self._pieces, b"")
        if piece:
            self._before += len(self._piece)
            self._piece, self._next = piece, 0
        return bool(piece)

    def take(self, count: int) -> bytes:
        """Returns the next bytes, a few.

        Raises:
            CutOffError: so many are not left.
        """
        start = self._next
        end = start + count
        if end > len(self._piece):
            self._gather(count)
            start, end = self._next, self._next + count
        self._next = end
        return self._piece[start:end]

    def head(self, count: int) -> bytes:
        """Returns the next bytes, or what there is of them, without going on."""
        with contextlib.suppress(CutOffError):
            self._gather(count)
        return self._piece[self._next : self._next + count]

    def _gather(self, count: int) -> None:
        """Makes sure that the next bytes are in one piece."""
        while len(self._piece) - self._next < count:
            more = next(self._pieces, b"")
            if not more:
                raise CutOffError(len(self._piece) - self._next)
            self._before += self._next
            self._piece, self._next = self._piece[self._next :] + more, 0

    def number(self, layout: struct.Struct) -> Any:
        """Returns the next number.

        Raises:
            CutOffError: the stream ends inside it.
        """
        return layout.unpack(self.take(layout.size))[0]

    def read(self, count: int) -> np.ndarray[Any, Any]:
        """Reads bytes into memory of their own.

        Args:
            count: what the stream declares; anything.

        Returns:
            uint8 (count,).

        Raises:
            CutOffError: so many are not left.
            RefusedError: they are more than the budget grants.
        """
        self.require(count)
        self.budget.receive(count + _OF_CONTENTS)
        contents = np.empty(count, np.uint8)
        if 0 < count <= _SHORT:
            contents[:] = np.frombuffer(self.take(count), np.uint8)
            return contents
        n_read = 0
        for part in self._parts(count):
            contents[n_read : n_read + len(part)] = np.frombuffer(part, np.uint8)
            n_read += len(part)
        return contents

    def require(self, count: int) -> None:
        """Refuses what cannot follow, as it is more than a file may hold.

        Raises:
            CutOffError: it does not follow; as so much is not read to see, no memory is needed.
        """
        if count > self._most - self.position:
            raise CutOffError(self.skip_to_end())

    def _parts(self, count: int) -> Iterator[memoryview]:
        """Yields the next bytes in parts, as they come.

        Raises:
            CutOffError: so many are not left.
        """
        left = count
        while left:
            if self._next == len(self._piece) and not self._advance():
                raise CutOffError(count - left)
            part = memoryview(self._piece)[self._next : self._next + left]
            self._next += len(part)
            left -= len(part)
            yield part

    def text(self, count: int) -> str | LongText:
        """Reads a text in UTF-8, of bytes as `read`.

        Raises:
            CutOffError, RefusedError: as `read`, or it is no UTF-8.
        """
        self.require(count)
        try:
            if count > _LONG_TEXT:
                return self._long_text(count)
            text = self.take(count).decode()
        except UnicodeDecodeError:
            refuse("a text that is not UTF-8")
        self.budget.receive(sys.getsizeof(text))
        return text

    def _long_text(self, count: int) -> LongText:
        """Reads the contents of an array as protocol 2 writes them: each byte as a letter."""
        self.budget.receive(count + _OF_CONTENTS)
        contents = np.empty(count, np.uint8)
        decoder = codecs.getincrementaldecoder("utf-8")()
        n_letters = 0
        for part in self._parts(count):
            try:
                letters = decoder.decode(part).encode("latin1")
            except UnicodeEncodeError:
                refuse(f"a text of {count} bytes")
            contents[n_letters : n_letters + len(letters)] = np.frombuffer(letters, np.uint8)
            n_letters += len(letters)
        decoder.decode(b"", final=True)
        return LongText(contents[:n_letters])

    def line(self, most: int) -> bytes:
        """Reads up to the end of a line, which it leaves out.

        Raises:
            RefusedError: it is longer than `most` bytes.
        """
        head = self.head(most)
        end = head.find(b"\n")
        if end < 0:
            refuse(f"a name longer than {most} bytes")
        self._next += end + 1
        return head[:end]

    def skip_to_end(self) -> int:
        """Reads what is left, keeping none of it; returns how many bytes that was.

        The end of a file is also where its checksum is compared.
        """
        start = self.position
        while self._advance():
            pass
        self._next = len(self._piece)
        return self.position - start


def in_memory(contents: Contents, budget: Budget) -> np.ndarray[Any, Any]:
    """Returns bytes of the stream as memory that belongs to the caller alone.

    The first caller gets the memory that they were read into, and others a copy.
    """
    if not contents.is_taken:
        contents.is_taken = True
        return contents.data
    budget.copy(contents.data.nbytes)
    return contents.data.copy()
