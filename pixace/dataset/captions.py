"""The captions of many pictures, in little memory."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from pixace.pictures.folder import spread_numbers
from pixace.tokens.text import text_tokens


class Captions:
    """The captions of N pictures, of each its alternatives: a million short ones in some 70 MB.

    Args:
      alternatives: of each picture, in their normal form, none of them empty; nothing where it has
        no caption.
    """

    def __init__(self, alternatives: Iterable[Sequence[str]] = ()) -> None:
        self._texts = bytearray()
        self._ends = array("q", [0])
        for texts in alternatives:
            self.append(texts)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, number: int) -> tuple[str, ...]:
        """Returns the alternatives of one picture, counted from 0."""
        if not 0 <= number < len(self):
            raise IndexError(f"picture {number} of {len(self)}")
        text = self._texts[self._ends[number] : self._ends[number + 1]].decode()
        return tuple(text.split("\n")) if text else ()  # in normal form there are no line ends

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        return map(self.__getitem__, range(len(self)))

    def append(self, alternatives: Sequence[str]) -> None:
        """Adds the captions of one more picture."""
        self._texts += "\n".join(alternatives).encode()
        self._ends.append(len(self._texts))

    def select(self, numbers: Iterable[int]) -> Captions:
        """Returns the captions of some pictures; -1 stands for one without any."""
        return Captions(() if number < 0 else self[number] for number in numbers)

    def of_others(self) -> Captions:
        """Returns a caption that is not its own for each picture that has one.

        It is the first caption of the picture half the set further on, or of the next one that has
        another text. Where there is none, and for pictures without captions, there is nothing.
        """
        firsts = [next(iter(texts), "") for texts in self]
        count, found = len(firsts), [""] * len(firsts)
        # Texts by how soon, from a place on, a picture has them first. The set goes on at its
        # start: by the second time round all places have seen what is behind them.
        soonest = OrderedDict[str, None]()
        for place in reversed(range(2 * count)):
            soonest[firsts[place % count]] = None
            soonest.move_to_end(firsts[place % count], last=False)
            number = (place - count // 2) % count
            if place < count and firsts[number]:
                own = {"", *self[number]}
                found[number] = next((text for text in soonest if text not in own), "")
        return Captions([text] if text else [] for text in found)

    def spread_tokens(self, count: int, length: int) -> np.ndarray:
        """Returns the tokens of first captions of pictures from all over the set.

        Args:
          count: how many pictures, those that `batches.spread_rows` takes; or all, in order.
          length: P, tokens of each.

        Returns:
          int32 (count, P).
        """
        numbers = spread_numbers(len(self), count).tolist()
        return text_tokens([next(iter(self[number]), None) for number in numbers], length)

    def different(self, most: int) -> list[str]:
        """Returns first captions of pictures from all over the set, no text twice.

        Args:
          most: how many at most; it is fewer only where there are no more.
        """
        texts: list[str] = []
        n_pictures = len(self)
        for start in spread_numbers(n_pictures, most).tolist():
            onward = (self[number % n_pictures][:1] for number in range(start, start + n_pictures))
            found = next((text for first in onward for text in first if text not in texts), None)
            if found is None:
                break
            texts.append(found)
        return texts
