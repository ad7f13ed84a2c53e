"""What to draw, in words: several texts with weights, spelt as PixRay spells its prompts."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NamedTuple

from pixace.errors import UsageError
from pixace.settings.checks import require_number
from pixace.wording import quoted

MAX_ROWS = 1000  # of words in one drawing
_MAX_LETTERS = 1000  # of one row of words; a model reads the beginning of each text
_MAX_ALL_LETTERS = 12_000  # as the words travel inside the picture's file
_MAX_TEXTS = 8  # in one row of words: each costs as much as a picture
_MAX_WEIGHT = 20
_NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_WEIGHTED = re.compile(rf"(?s)(.*)(?<!\\):\s*({_NUMBER})")


class TextPrompt(NamedTuple):
    """A text, and how much the picture is to follow it: 1 as it was learnt, below 0 the reverse."""

    text: str
    weight: float = 1.0


def text_prompts(words: str) -> tuple[TextPrompt, ...]:
    r"""Reads texts with weights: "a red heart:1 | blue:0.5 | text:-1".

    Only a last colon with a number behind it stands before a weight, which is 1 elsewhere; any
    colon that has a backslash before it is part of the text.

    Raises:
      UsageError: a text is empty, a weight is out of range, or there are too many of them.

    >>> text_prompts(r"a red heart | clock 12\:30:0.5")
    (TextPrompt(text='a red heart', weight=1.0), TextPrompt(text='clock 12:30', weight=0.5))
    """
    parts = words.split("|")
    if len(parts) > _MAX_TEXTS:
        raise UsageError(
            f"text must be at most {_MAX_TEXTS} texts with | between, not {len(parts)}"
        )
    return tuple(_text_prompt(part.strip(), words) for part in parts)


def _text_prompt(part: str, words: str) -> TextPrompt:
    """Reads one text with its weight, of some words."""
    weighted = _WEIGHTED.fullmatch(part)
    text, weight = (weighted[1], float(weighted[2])) if weighted else (part, 1.0)
    text = text.replace(r"\:", ":").strip()
    if not text:
        raise UsageError(f"text {quoted(words)} holds an empty text; say what to draw")
    if not math.isfinite(weight) or abs(weight) > _MAX_WEIGHT:
        raise UsageError(
            f"the weight of a text must be from -{_MAX_WEIGHT} to {_MAX_WEIGHT}, not "
            rf"{weight:g} as in {quoted(part)}; for a colon in a text write \:"
        )
    return TextPrompt(text, weight)


def check_words(name: str, rows: Any) -> tuple[str, ...]:
    """Returns the words of a drawing, a text for each of its rows, as a tuple.

    Args:
      name: of the setting.
      rows: a list or a tuple.

    Raises:
      UsageError: too many or too long ones, or what is no text.
    """
    if not isinstance(rows, list | tuple) or len(rows) > MAX_ROWS:
        raise UsageError(f"{name} must be at most {MAX_ROWS} texts, not {quoted(rows)}")
    for words in rows:
        if not isinstance(words, str) or not words.strip() or len(words) > _MAX_LETTERS:
            raise UsageError(
                f"{name} must be words, at most {_MAX_LETTERS} letters, not {quoted(words)}"
            )
        try:
            words.encode()
        except UnicodeEncodeError:
            raise UsageError(f"{name} must be UTF-8, which {quoted(words)} is not") from None
    if len(json.dumps(rows)) > _MAX_ALL_LETTERS:
        raise UsageError(f"{name} must be at most {_MAX_ALL_LETTERS} letters in all; name fewer")
    return tuple(map(str, rows))


def check_guidance(guidance: Any, most: int) -> tuple[float, ...]:
    """Returns numbers of guidance as a tuple.

    Args:
      guidance: a list or a tuple.
      most: how many there may be.

    Raises:
      UsageError: there are none, too many, or what is no number from -100 to 100.
    """
    if not isinstance(guidance, list | tuple) or not 0 < len(guidance) <= most:
        raise UsageError(f"guidance must be 1 to {most} numbers, not {quoted(guidance)}")
    for number in guidance:
        require_number("guidance", number, -100.0, 100.0)
    return tuple(map(float, guidance))
