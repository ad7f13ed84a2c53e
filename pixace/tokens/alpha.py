"""Transparent pixels beside the colours of another codec."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from pixace.pictures.rgb import OPAQUE
from pixace.tokens.vocabulary import TRANSPARENT_ID

if TYPE_CHECKING:
    from pixace.tokens.codec import Codec


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
