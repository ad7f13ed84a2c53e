"""How a pixel becomes an integer: what a colour codec can do, and which there are.

Another one is a module of its own in this room, and a line in `_KINDS`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Protocol

import numpy as np

from pixace.errors import UsageError
from pixace.settings.checks import require_choice
from pixace.settings.colours import is_open
from pixace.settings.pictures import PictureSettings
from pixace.tokens.alpha import AlphaCodec
from pixace.tokens.grey import GreyCodec
from pixace.tokens.hsv import HsvCodec
from pixace.tokens.palette import PaletteCodec
from pixace.tokens.rgb import RgbCodec


class Codec(Protocol):
    """Some colours, of which each is a token. They have C channels: RGB, or RGBA with alpha."""

    @property
    def n_tokens(self) -> int:
        """V, the size of the vocabulary, reserved ids included."""

    def encode(self, pixels: np.ndarray) -> np.ndarray:
        """Returns the tokens of pixels, uint8 (..., C), as int32 (...)."""

    def decode(self, tokens: np.ndarray) -> np.ndarray:
        """Returns the colours of tokens, integers (...), as uint8 (..., C).

        An id that names no colour, reserved or out of range, is black.
        """

    def colours(self) -> np.ndarray:
        """Returns the colour of each token, uint8 (V, C)."""

    def factors(self) -> np.ndarray:
        """Returns what tokens are made of, so that a model can learn it of many tokens at once.

        Returns:
          int32 (V, F): which level of each of F factors a token has, such as its hue. Levels of a
          factor are 0, 1, ... to the highest in its column; a reserved id has -1 in all. Each
          combination of levels is exactly one token; but a level of the last factor may be a token
          by itself, which has -1 in the others.
        """

    def spelled(self) -> str:
        """Spells the codec as `PictureSettings.colours` does: its kind, a colon, what it needs."""


# Kind -> what makes a codec of the words behind the colon, or raises a UsageError.
_KINDS: dict[str, Callable[[str], Codec]] = {
    "hsv": HsvCodec.from_words,
    "rgb": RgbCodec.from_words,
    "grey": GreyCodec.from_words,
    "palette": PaletteCodec.from_words,
}


@functools.lru_cache
def codec_of(pictures: PictureSettings) -> Codec:
    """Returns the codec that settings name.

    Raises:
      UsageError: there is none of that kind, or it cannot be made so.
    """
    if is_open(pictures.colours):
        raise UsageError(
            f"{pictures.colours} stands for colours that a new training finds in its images; here "
            "they must be known"
        )
    kind, _, words = pictures.colours.partition(":")
    require_choice("the kind of colours", kind, tuple(_KINDS))
    codec = _KINDS[kind](words)
    return AlphaCodec(codec) if pictures.alpha else codec
