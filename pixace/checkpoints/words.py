"""The words that a model was taught: its classes, and the words of its captions with their counts.

As all of a checkpoint the record may be a stranger's: what has another form counts as not told. Its
texts may hold anything, so that messages spell them by `wording.shown` or `one_line`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from pixace.wording import one_line

MOST_CLASSES, MOST_WORDS = 1_000, 10_000  # that are kept
_LONGEST = 1_000  # letters of one of them
_MAX_COUNT = 2**62
_COMMONEST = 100  # words that are listed
_LONGEST_SHOWN = 100  # letters of what is listed
_MOST_UNKNOWN = 10  # words in one line


class WordsRecord(NamedTuple):
    """What a model knows in words; nothing where it knows none.

    Attributes:
      classes: the names of the classes of its pictures, in their normal form, in order.
      words: of the captions, with how many have each; the commonest first.
    """

    classes: tuple[str, ...] = ()
    words: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, classes: Iterable[str], captions: Iterable[str]) -> WordsRecord:
        """Returns the record of captions in their normal form, no longer than it may be."""
        counts = Counter[str]()
        for caption in captions:
            counts.update(set(caption.split()))
        return cls(tuple(sorted(set(classes))), _in_order(counts)).cut()

    @classmethod
    def from_stored(cls, stored: Any) -> WordsRecord:
        """Takes up what a checkpoint holds."""
        values = stored if isinstance(stored, dict) else {}
        classes, words, counts = (values.get(name) for name in ("classes", "words", "counts"))
        if not (isinstance(words, list) and isinstance(counts, list) and len(words) == len(counts)):
            words, counts = [], []
        # Cut before each is looked at: a stranger's lists may have a million long texts.
        classes = classes[:MOST_CLASSES] if isinstance(classes, list) else ()
        counted = zip(words[:MOST_WORDS], counts[:MOST_WORDS], strict=True)
        return cls(
            tuple(filter(_is_text, classes)), tuple(pair for pair in counted if _is_counted(*pair))
        )

    def to_stored(self) -> dict[str, Any]:
        """Returns what a checkpoint holds."""
        words, counts = [word for word, _ in self.words], [count for _, count in self.words]
        return {"classes": list(self.classes), "words": words, "counts": counts}

    def joined(self, other: WordsRecord) -> WordsRecord:
        """Returns what both tell; joined once more with either of them it stays the same."""
        classes = {*self.classes, *other.classes}
        counts = Counter(dict(self.words)) | Counter(dict(other.words))
        return WordsRecord(tuple(sorted(classes)), _in_order(counts)).cut()

    def listed(self) -> dict[str, str]:
        """Returns the classes and the commonest words, each in one line of what prints."""
        lines = {}
        if self.classes:
            lines["classes"] = ", ".join(map(shown_word, self.classes))
        if self.words:
            commonest = [f"{shown_word(word)} ({count})" for word, count in self.words[:_COMMONEST]]
            lines[f"commonest of {len(self.words)} words"] = ", ".join(commonest)
        return lines

    def unknown_line(self, texts: Iterable[str]) -> str:
        """Says which words of texts, in their normal form, no training caption had.

        It is empty where there are none, and where the record may lack some that captions had.
        """
        known = {word for word, _ in self.words}
        new = [*dict.fromkeys(word for text in texts for word in text.split())]
        new = [word for word in new if word not in known]
        if not new or not 0 < len(known) < MOST_WORDS:
            return ""
        more = f" and {len(new) - _MOST_UNKNOWN} more" if len(new) > _MOST_UNKNOWN else ""
        return f"no training caption had: {', '.join(map(shown_word, new[:_MOST_UNKNOWN]))}{more}"

    def cut(self) -> WordsRecord:
        """Returns the record, no longer than it may be."""
        return WordsRecord(self.classes[:MOST_CLASSES], self.words[:MOST_WORDS])


NO_WORDS = WordsRecord()


def shown_word(word: str) -> str:
    """Spells a word of a model, which may be a stranger's."""
    return one_line(word[:_LONGEST_SHOWN])


def _in_order(counts: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _is_text(value: Any) -> bool:
    """Returns whether a value is a text of some letters, none of them half of one."""
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
        return False
    return value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)


def _is_counted(word: Any, count: Any) -> bool:
    return _is_text(word) and type(count) is int and 0 < count < _MAX_COUNT
