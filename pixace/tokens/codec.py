"""How a pixel becomes an integer: what a colour codec can do, and which there are.

Another one is a module of its own in this room, and a line in `_KINDS`.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Protocol

import numpy as np

from pixace.errors import UsageError
from pixace.pictures.rgb import OPAQUE
from pixace.settings.checks import require_choice
from pixace.settings.colours import is_open
from pixace.settings.pictures import PictureSettings
from pixace.tokens.grey import GreyCodec
from pixace.tokens.hsv import HsvCodec
from pixace.tokens.palette import PaletteCodec
from pixace.tokens.rgb import RgbCodec
from pixace.tokens.vocabulary import TRANSPARENT_ID


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


@dataclasses.dataclass(frozen=True)
class AlphaCodec:
    """A colour, or none at all; a `Codec` whose pixels are RGBA.

    A pixel that is mostly transparent is the token TRANSPARENT_ID, whatever the other codec is. Any
    other one is as opaque as can be, and the token of its own colour, which nothing shows through.

    Attributes:
      of_colours: makes tokens of colours.
    """

    of_colours: Codec

    @property
    def n_tokens(self) -> int:
        """V."""
        return self.of_colours.n_tokens

    def encode(self, pixels: np.ndarray) -> np.ndarray:
        """Returns the tokens of RGBA pixels, uint8 (..., 4), as int32 (...)."""
        is_opaque = pixels[..., 3] >= OPAQUE
        # What is hidden may be any colour: all the same, it costs less.
        tokens = self.of_colours.encode(pixels[..., :3] * is_opaque[..., None])
        return np.where(is_opaque, tokens, np.int32(TRANSPARENT_ID))

    def decode(self, tokens: np.ndarray) -> np.ndarray:
        """Returns the colours of tokens of shape (...), uint8 RGBA of shape (..., 4)."""
        alpha = np.where(np.asarray(tokens) == TRANSPARENT_ID, 0, 255).astype(np.uint8)
        return np.concatenate([self.of_colours.decode(tokens), alpha[..., None]], axis=-1)

    def colours(self) -> np.ndarray:
        """Returns the colour of each token, uint8 RGBA of shape (V, 4)."""
        return self.decode(np.arange(self.n_tokens))

    def factors(self) -> np.ndarray:
        """Returns those of the colours; the transparent token is one more level of the last."""
        table = self.of_colours.factors().copy()
        table[TRANSPARENT_ID, -1] = table[:, -1].max() + 1
        return table

    def spelled(self) -> str:
        """Spells the codec of the colours; transparency is a setting beside it."""
        return self.of_colours.spelled()


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
