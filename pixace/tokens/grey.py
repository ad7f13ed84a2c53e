"""Grey quantisation: pixels to integers and back."""

from __future__ import annotations

import dataclasses

import numpy as np

from pixace.settings.colours import grey_bits
from pixace.tokens.vocabulary import N_RESERVED, numbers_of_colours, token_count

_LUMA = np.array([19595, 38470, 7471])  # of 65536: ITU-R BT.601, as Pillow makes its mode L


@dataclasses.dataclass(frozen=True)
class GreyCodec:
    """How light a pixel is, rounded to a few bits; a `Codec`. With 8 bits greys are exact.

    Attributes:
      bits: of grey.
    """

    bits: int

    @classmethod
    def from_words(cls, words: str) -> GreyCodec:
        """Reads what stands behind "grey:", such as 4.

        Raises:
          UsageError: no integer from 1 to 8.
        """
        return cls(grey_bits(words))

    @property
    def n_tokens(self) -> int:
        """V."""
        return token_count([self.bits])

    def encode(self, pixels: np.ndarray) -> np.ndarray:
        """Quantises RGB pixels, uint8 of shape (..., 3), to int32 tokens of shape (...)."""
        luma = pixels @ _LUMA + (1 << 15) >> 16
        return np.round(luma / 255.0 * self._max_level()).astype(np.int32) + N_RESERVED

    def decode(self, tokens: np.ndarray) -> np.ndarray:
        """Returns the colours of tokens of shape (...), uint8 RGB of shape (..., 3)."""
        levels = np.asarray(tokens, dtype=np.int64) - N_RESERVED
        levels = np.where((levels < 0) | (levels > self._max_level()), 0, levels)
        grey = np.round(levels / self._max_level() * 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=-1)

    def colours(self) -> np.ndarray:
        """Returns the colour of each token, uint8 RGB of shape (V, 3)."""
        return self.decode(np.arange(self.n_tokens))

    def factors(self) -> np.ndarray:
        """Returns the number of each token's grey, int32 of shape (V, 1); see `Codec`."""
        return numbers_of_colours(self.n_tokens)

    def spelled(self) -> str:
        """Spells the codec as settings name it: "grey:4"."""
        return f"grey:{self.bits}"

    def _max_level(self) -> int:
        return 2**self.bits - 1
