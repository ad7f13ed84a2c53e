"""RGB quantisation: pixels to integers and back."""

from __future__ import annotations

import dataclasses

import numpy as np

from pixace.settings.colours import rgb_bits
from pixace.tokens.levels import max_levels, packed, unpacked
from pixace.tokens.vocabulary import N_RESERVED, token_count
from pixace.wording import spell


@dataclasses.dataclass(frozen=True)
class RgbCodec:
    """Red, green and blue, each rounded to a few bits and packed into one integer; a `Codec`.

    Attributes:
      bits: of red, green and blue.
    """

    bits: tuple[int, ...]

    @classmethod
    def from_words(cls, words: str) -> RgbCodec:
        """Reads what stands behind "rgb:", such as 3,3,2.

        Raises:
          UsageError: not three integers from 1 to 8, or too many bits in all.
        """
        return cls(rgb_bits(words))

    @property
    def n_tokens(self) -> int:
        """V."""
        return token_count(self.bits)

    def encode(self, pixels: np.ndarray) -> np.ndarray:
        """Quantises RGB pixels, uint8 of shape (..., 3), to int32 tokens of shape (...)."""
        levels = np.round(pixels / 255.0 * max_levels(self.bits)).astype(np.int32)
        return packed(levels, self.bits) + N_RESERVED

    def decode(self, tokens: np.ndarray) -> np.ndarray:
        """Returns the colours of tokens of shape (...), uint8 RGB of shape (..., 3)."""
        codes = np.asarray(tokens, dtype=np.int64) - N_RESERVED
        codes = np.where((codes < 0) | (codes >= 2 ** sum(self.bits)), 0, codes)
        return np.round(unpacked(codes, self.bits) / max_levels(self.bits) * 255).astype(np.uint8)

    def colours(self) -> np.ndarray:
        """Returns the colour of each token, uint8 RGB of shape (V, 3)."""
        return self.decode(np.arange(self.n_tokens))

    def factors(self) -> np.ndarray:
        """Returns each token's red, green and blue, int32 of shape (V, 3); see `Codec`."""
        table = np.full((self.n_tokens, 3), -1, np.int32)
        table[N_RESERVED:] = unpacked(np.arange(self.n_tokens - N_RESERVED), self.bits)
        return table

    def spelled(self) -> str:
        """Spells the codec as settings name it: "rgb:3,3,2"."""
        return f"rgb:{spell(self.bits)}"
