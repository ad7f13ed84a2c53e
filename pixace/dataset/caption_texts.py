"""Captions as files have them, brought to their normal form; and what is amiss with them."""

from __future__ import annotations

from collections.abc import Iterable

from pixace.tokens.text import normalised, shortened
from pixace.wording import one_line

MOST_ALTERNATIVES = 100  # of one picture

_LONGEST_EXAMPLE = 100  # letters


class Troubles:
    """What is amiss in a folder, counted by its sort, each with an example."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._examples: dict[str, str] = {}

    def note(self, sort: str, example: str, count: int = 1) -> None:
        """Counts something of a sort; the first of them is the example."""
        self._counts[sort] = self._counts.get(sort, 0) + count
        self._examples.setdefault(sort, one_line(example)[:_LONGEST_EXAMPLE])

    def lines(self) -> list[str]:
        """Returns a line for each sort, such as "not UTF-8, left out: a.txt and 2 more"."""
        return [
            f"{sort}: {self._examples[sort]}" + (f" and {count - 1:,} more" if count > 1 else "")
            for sort, count in self._counts.items()
        ]


class CaptionTexts:
    """Brings captions to the form in which they are kept.

    Args:
      length: P, bytes of a caption; longer ones are cut at a word.

    Attributes:
      troubles: what is amiss.
      longest: the longest caption that was seen, in its normal form.
    """

    def __init__(self, length: int) -> None:
        self.troubles = Troubles()
        self.longest = ""
        self._length = length

    def kept(self, captions: Iterable[str], where: str) -> list[str]:
        """Returns the captions of one picture, each once and none of them empty.

        Args:
          captions: its alternatives, of which one alone is left of equal ones.
          where: they are from, for messages.
        """
        texts = dict.fromkeys(text for each in captions if (text := self._kept(each, where)))
        if len(texts) > MOST_ALTERNATIVES:
            self.troubles.note(f"more than {MOST_ALTERNATIVES} for one image, cut", where)
        return [*texts][:MOST_ALTERNATIVES]

    def _kept(self, caption: str, where: str) -> str:
        text = normalised(caption)
        if any("\ud800" <= letter <= "\udfff" for letter in text):  # which no UTF-8 has
            self.troubles.note("not UTF-8, left out", where)
            return ""
        self.longest = max(self.longest, text[:_LONGEST_EXAMPLE], key=len)
        kept = shortened(text, self._length)
        if kept != text:
            self.troubles.note(f"longer than {self._length} bytes, cut at a word", where)
        return kept
