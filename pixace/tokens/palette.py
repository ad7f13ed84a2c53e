"""Palettes: each colour is a token, and each pixel becomes the nearest of them."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from pixace.pictures.colour_error import nearest
from pixace.settings.colours import palette, palette_colours
from pixace.tokens.vocabulary import N_RESERVED, numbers_of_colours

_N_COLOURS = 1 << 24  # of RGB in 8 bits each


class PaletteCodec:
    """Some colours, in their order; a `Codec`. Pictures of nothing else come back exactly.

    Other colours become the nearest in CIELAB, the first of equally near ones.

    Args:
      colours: each as rrggbb.
    """

    def __init__(self, colours: Sequence[str]) -> None:
        self._spelled = palette(colours)
        self._entries = np.frombuffer(bytes.fromhex("".join(colours)), np.uint8).reshape(-1, 3)

    @classmethod
    def from_words(cls, words: str) -> PaletteCodec:
        """Reads what stands behind "palette:": rrggbb,rrggbb,...

        Raises:
          UsageError: one is no colour or there twice, or there are too many.
        """
        return cls(palette_colours(words))

    @property
    def n_tokens(self) -> int:
        """V."""
        return len(self._entries) + N_RESERVED

    @functools.cached_property
    def _known(self) -> np.ndarray:
        """The token of each colour that was asked for already, uint16 (2**24,); others have 0.

        Of its 32 MB the system gives only those pages that are written to.
        """
        return np.zeros(_N_COLOURS, np.uint16)

    def encode(self, pixels: np.ndarray) -> np.ndarray:
        """Returns the tokens of the nearest colours of RGB pixels, uint8 (..., 3), as int32 (...).

        Threads may do so at once: whoever comes first, the same number is written.
        """
        codes = np.asarray(pixels, np.uint8).astype(np.int32)
        codes = codes[..., 0] << 16 | codes[..., 1] << 8 | codes[..., 2]
        tokens = self._known[codes]
        if not tokens.all():
            new = _distinct(codes[tokens == 0])
            colours = np.stack([new >> 16, new >> 8 & 255, new & 255], axis=-1).astype(np.uint8)
            self._known[new] = nearest(colours, self._entries) + N_RESERVED
            tokens = self._known[codes]
        return tokens.astype(np.int32)

    def decode(self, tokens: np.ndarray) -> np.ndarray:
        """Returns the colours of tokens of shape (...), uint8 RGB of shape (..., 3)."""
        numbers = np.asarray(tokens, dtype=np.int64) - N_RESERVED
        is_colour = (numbers >= 0) & (numbers < len(self._entries))
        return self._entries[np.where(is_colour, numbers, 0)] * is_colour[..., None]

    def colours(self) -> np.ndarray:
        """Returns the colour of each token, uint8 RGB of shape (V, 3)."""
        return self.decode(np.arange(self.n_tokens))

    def factors(self) -> np.ndarray:
        """Returns the number of each token's colour, int32 of shape (V, 1); see `Codec`."""
        return numbers_of_colours(self.n_tokens)

    def spelled(self) -> str:
        """Spells the codec as settings name it: "palette:000000,ff004d"."""
        return self._spelled


def _distinct(codes: np.ndarray) -> np.ndarray:
    """Returns each of at least one integer once, in their order; by sorting, unlike `np.unique`.

    That keeps them in a table of hashes, which takes far longer where nearly all are different.
    """
    codes = np.sort(codes)
    return codes[np.append(True, codes[1:] != codes[:-1])]
