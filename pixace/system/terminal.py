"""What a terminal can show: lines that change in place, and pictures of coloured half blocks."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, TextIO

import numpy as np
from PIL import Image

_USUAL_COLUMNS, _USUAL_ROWS = 80, 24
_CLEAR_BELOW = "\r\x1b[J"  # all from the start of this line
_HALF_BLOCK = "▀"  # its upper half has the letter's colour, its lower half the background's
_RESET = "\x1b[0m"
_WITH_ALL_COLOURS = ("alacritty", "foot", "ghostty", "kitty", "wezterm")

# The palette of 256 colours that terminals share (that of xterm): a cube and a ramp of greys.
_CUBE = np.array([0, 95, 135, 175, 215, 255])
_GREYS = np.arange(8, 248, 10)


def can_redraw(stream: TextIO | None, environ: Mapping[str, str] = os.environ) -> bool:
    """Returns whether what is written to a stream can be replaced: a terminal that is not dumb."""
    return stream is not None and stream.isatty() and environ.get("TERM", "dumb") != "dumb"


def why_no_pictures(stream: TextIO | None, environ: Mapping[str, str] = os.environ) -> str | None:
    """Says why a stream shows no pictures; None where it does.

    Colours are left out where NO_COLOR is set to anything (https://no-color.org).
    """
    if stream is None or not stream.isatty():
        return "stderr is no terminal"
    if environ.get("NO_COLOR"):
        return "NO_COLOR is set"
    if not can_redraw(stream, environ):
        return f"TERM is {environ.get('TERM') or 'not set'}"
    if "utf" not in (stream.encoding or "").lower():
        return f"the terminal's encoding is {stream.encoding}, not UTF-8"
    return None


def has_all_colours(environ: Mapping[str, str] = os.environ) -> bool:
    """Returns whether a terminal shows all 16 million colours; most others show 256.

    There is no asking a terminal; COLORTERM is what those that can have agreed upon. It does not
    travel over SSH, but TERM does, which some call by their own name.
    """
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return True
    name = environ.get("TERM", "").lower()
    return name.endswith("-direct") or name.removeprefix("xterm-") in _WITH_ALL_COLOURS


def columns(stream: TextIO) -> int:
    """Returns the width of a terminal at this moment, in characters."""
    with contextlib.suppress(OSError):
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_COLUMNS
    return _USUAL_COLUMNS


def rows(stream: TextIO) -> int:
    """Returns the height of a terminal at this moment, in lines."""
    with contextlib.suppress(OSError):
        return os.get_terminal_size(stream.fileno()).lines or _USUAL_ROWS
    return _USUAL_ROWS


def half_blocks(picture: Image.Image, width: int, all_colours: bool) -> str:
    """Draws a picture in characters, each of which shows two pixels, one above the other.

    Args:
      picture: any; made smaller where it is wider than `width`, never larger.
      width: characters in a line.
      all_colours: whether to use 16 million colours, or the 256 of every terminal.

    Returns:
      Lines of text with colour codes, each of them ended.
    """
    picture = picture.convert("RGB")
    if picture.width > width:
        height = max(1, round(picture.height * width / picture.width))
        picture = picture.resize((width, height), Image.Resampling.BOX)
    pixels = np.asarray(picture)
    pixels = np.pad(pixels, ((0, len(pixels) % 2), (0, 0), (0, 0)))
    codes = _all_codes(pixels) if all_colours else _palette_codes(pixels)
    lines = zip(codes[::2], codes[1::2], strict=True)
    return "".join(_line(upper, lower) + _RESET + "\n" for upper, lower in lines)


def _line(upper: list[str], lower: list[str]) -> str:
    """Spells two rows of pixels; a colour that stays is not named again."""
    text, before = "", ("", "")
    for above, below in zip(upper, lower, strict=True):
        if (above, below) != before:
            text += f"\x1b[38;{above};48;{below}m"
            before = above, below
        text += _HALF_BLOCK
    return text


def _all_codes(pixels: np.ndarray) -> list[list[str]]:
    """Spells pixels, uint8 (H, W, 3), as terminals of all colours do."""
    return [[f"2;{r};{g};{b}" for r, g, b in row] for row in pixels.tolist()]


def _palette_codes(pixels: np.ndarray) -> list[list[str]]:
    """Spells pixels, uint8 (H, W, 3), as the nearest of 256 colours."""
    pixels = pixels.astype(int)
    steps = np.abs(pixels[..., None] - _CUBE).argmin(axis=-1)
    grey = np.abs(pixels.mean(axis=-1, keepdims=True) - _GREYS).argmin(axis=-1)
    from_cube = np.square(_CUBE[steps] - pixels).sum(axis=-1)
    from_grey = np.square(_GREYS[grey][..., None] - pixels).sum(axis=-1)
    numbers = np.where(from_grey < from_cube, 232 + grey, 16 + steps @ [36, 6, 1])
    return [[f"5;{number}" for number in row] for row in numbers.tolist()]


class LiveLine:
    """A terminal's last line, which changes in place while other text scrolls by above it.

    It may be several lines, if the terminal is higher.

    It stands in for the terminal's stream: whoever writes should write here while the line lives,
    as by `contextlib.redirect_stderr(line)`. At the end of its context the line is gone. A terminal
    that has been closed is no error: what was to be shown is lost.

    Args:
      stream: a terminal, see `can_redraw`.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._spell: Callable[[int], str] | None = None
        self._is_at_start = True
        self._waiting: deque[str] = deque()
        self._is_writing = False

    def __enter__(self) -> LiveLine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._spell is not None and self._is_at_start:
            self._put(_CLEAR_BELOW)
        self._spell = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def show(self, spell: Callable[[int], str]) -> None:
        """Puts a text in the place of the line.

        Args:
          spell: returns the text, given how many characters it may have. It is asked again when the
            line moves.
        """
        self._spell = spell
        if self._is_at_start:
            self._put(self._line())

    def write(self, text: str) -> int:
        """Writes text above the line."""
        if text:
            hide = _CLEAR_BELOW if self._spell is not None and self._is_at_start else ""
            self._is_at_start = text.endswith("\n")
            self._put(hide + text + (self._line() if self._is_at_start else ""))
        return len(text)

    def _line(self) -> str:
        # The cursor goes back to the line's start: when a terminal becomes narrower, and makes two
        # lines of this one, it is in the first, and both are replaced. The last column stays free:
        # some terminals go on to the next line as soon as it is full.
        if self._spell is None:
            return ""
        text = self._spell(columns(self._stream) - 1)
        n_up = text.count("\n")
        return _CLEAR_BELOW + text + (f"\x1b[{n_up}A" if n_up else "") + "\r"

    def _put(self, text: str) -> None:
        # A signal's handler that writes, too, may come in the middle of this; Python's streams
        # forbid that.
        self._waiting.append(text)
        if self._is_writing:
            return
        self._is_writing = True
        try:
            with contextlib.suppress(OSError):
                while self._waiting:
                    self._stream.write(self._waiting.popleft())
                self._stream.flush()
        finally:
            self._is_writing = False
