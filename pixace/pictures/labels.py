"""Words below the rows of a collage."""

from __future__ import annotations

import bisect
import itertools
import math
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFont

from pixace.wording import one_line

Labels: TypeAlias = Sequence[Sequence[str]]
"""Of each row of a collage, from left to right; each has an equal share of the width."""

SAID_KEY = "said"
"""In the `info` of a collage that has none below its rows: the `Labels` that it could have."""

_MOST_LINES = 3
_SMALLEST, _LARGEST = 12, 24  # letters, in pixels
_LETTERS = 16  # of them are as high as a row
_MORE = "..."

_Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont


def labelled(collage: Image.Image, labels: Labels) -> Image.Image:
    """Puts words below each row of a collage, white on black.

    Args:
      collage: N rows of equal height, in mode RGB or RGBA.
      labels: of N rows.

    Returns:
      A picture that is higher by N times `label_height`.
    """
    row_height = collage.height // len(labels)
    height = label_height(labels, collage.width, row_height)
    font, size = _font(row_height)
    sheet = Image.new(collage.mode, (collage.width, len(labels) * (row_height + height)), "black")
    pen = ImageDraw.Draw(sheet)
    for row, texts in enumerate(labels):
        top = row * (row_height + height)
        tiles = collage.crop((0, row * row_height, collage.width, (row + 1) * row_height))
        sheet.paste(tiles, (0, top))
        width = collage.width // len(texts)
        for column, text in enumerate(texts):
            lines = "\n".join(_lines(text, font, width - size // 2))
            place = (column * width + size // 4, top + row_height + size // 4)
            pen.text(place, lines, "white", font, spacing=size // 4)
    return sheet


def label_height(labels: Labels, width: int, row_height: int) -> int:
    """Returns how many pixels below each row words need.

    Args:
      labels: see there.
      width: of the collage.
      row_height: of its tiles.
    """
    font, size = _font(row_height)
    n_lines = max(
        len(_lines(text, font, width // len(texts) - size // 2))
        for texts in labels
        for text in texts
    )
    return n_lines * (size + size // 2) + size // 2


def _font(row_height: int) -> tuple[_Font, int]:
    """Returns a font that suits tiles of this height, and its size."""
    size = max(_SMALLEST, min(_LARGEST, row_height // _LETTERS))
    return ImageFont.load_default(size), size


def _lines(text: str, font: _Font, width: int) -> list[str]:
    """Breaks a text into lines of this width at most, of which the first few are shown."""
    words = _in_ascii(one_line(" ".join(text.split()))).split(" ")
    lines = list(itertools.islice(_broken(words, font, width), _MOST_LINES + 1))
    if len(lines) <= _MOST_LINES:
        return lines
    last = lines[_MOST_LINES - 1]
    while last and font.getlength(last + _MORE) > width:
        last = last[:-1]
    return [*lines[: _MOST_LINES - 1], last + _MORE]


def _broken(words: Sequence[str], font: _Font, width: int) -> Iterator[str]:
    """Yields lines of this width at most, broken between words where that is possible."""
    line = ""
    for word in words:
        joined = f"{line} {word}".lstrip()
        if font.getlength(joined) <= width:
            line = joined
            continue
        if line:
            yield line
        while len(word) > 1 and font.getlength(word) > width:
            n_letters = _n_letters(word, font, width)
            yield word[:n_letters]
            word = word[n_letters:]
        line = word
    yield line


def _n_letters(word: str, font: _Font, width: int) -> int:
    """Returns how many letters of a word go into a line, though never none and never all."""
    most = range(1, min(len(word), width + 2))  # a letter is a pixel wide at least
    fitting = bisect.bisect_right(most, width, key=lambda n: math.ceil(font.getlength(word[:n])))
    return max(1, fitting)


def _in_ascii(text: str) -> str:
    """Takes accents from letters, as Pillow's own font has none."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in apart if not unicodedata.combining(letter))
