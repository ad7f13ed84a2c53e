"""HSV quantisation: pixels to integers and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from pixace.settings.colours import hsv, hsv_bits
from pixace.tokens.levels import max_levels, packed, unpacked
from pixace.tokens.vocabulary import N_RESERVED, token_count


@dataclasses.dataclass(frozen=True)
class HsvCodec:
    """Hue, saturation and value, each rounded to a few bits and packed into one integer.

    `token = (h | s << bits_h | v << (bits_h + bits_s)) + 2`; it is a `Codec`.

    Attributes:
      bitdepth: bits of hue, saturation and value.
    """

    bitdepth: Sequence[int]

    @classmethod
    def from_words(cls, words: str) -> HsvCodec:
        """Reads what stands behind "hsv:", such as 5,4,4.

        Raises:
          UsageError: not three integers from 0 to 8, or no bit at all.
        """
        return cls(hsv_bits(words))

    @property
    def n_tokens(self) -> int:
        """V."""
        return token_count(self.bitdepth)

    def encode(self, pixels: np.ndarray) -> np.ndarray:
        """Quantises RGB pixels, uint8 of shape (..., 3), to int32 tokens of shape (...)."""
        scaled = np.round(rgb_to_hsv(pixels / 255.0) * max_levels(self.bitdepth))
        return packed(scaled.astype(np.int32), self.bitdepth) + N_RESERVED

    def decode(self, tokens: np.ndarray) -> np.ndarray:
        """Returns the colours of tokens of shape (...), uint8 RGB of shape (..., 3)."""
        return np.round(self.decode_exactly(tokens) * 255).astype(np.uint8)

    def decode_exactly(self, tokens: np.ndarray) -> np.ndarray:
        """Returns `decode` before it rounds: float64 of shape (..., 3), values in 0..1."""
        codes = np.asarray(tokens, dtype=np.int64) - N_RESERVED
        codes = np.where((codes < 0) | (codes >= 2 ** sum(self.bitdepth)), 0, codes)
        levels = unpacked(codes, self.bitdepth)
        return hsv_to_rgb(levels / np.maximum(max_levels(self.bitdepth), 1))

    def colours(self) -> np.ndarray:
        """Returns the colour of each token, uint8 RGB of shape (V, 3)."""
        return self.decode(np.arange(self.n_tokens))

    def factors(self) -> np.ndarray:
        """Returns each token's hue, saturation and value, int32 of shape (V, 3); see `Codec`."""
        table = np.full((self.n_tokens, 3), -1, np.int32)
        table[N_RESERVED:] = unpacked(np.arange(self.n_tokens - N_RESERVED), self.bitdepth)
        return table

    def spelled(self) -> str:
        """Spells the codec as settings name it: "hsv:5,4,4"."""
        return hsv(self.bitdepth)


def rgb_to_hsv(rgb: np.ndarray) -> np.ndarray:
    """Converts float64 RGB of shape (..., 3), values in 0..1, to HSV of the same shape and range.

    Written out with NumPy, in the order of operations of the golden tokens: a last-bit difference
    in a quotient would move a pixel to a neighbouring level.
    """
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    value = rgb.max(axis=-1)
    chroma = value - rgb.min(axis=-1)
    divisor = np.where(chroma == 0, 1.0, chroma)
    sextant = np.select(
        [blue == value, green == value],
        [4.0 + (red - green) / divisor, 2.0 + (blue - red) / divisor],
        (green - blue) / divisor,
    )
    hue = np.where(chroma == 0, 0.0, (sextant / 6.0) % 1.0)
    saturation = chroma / np.where(value == 0, 1.0, value)
    return np.stack([hue, saturation, value], axis=-1)


def hsv_to_rgb(hsv: np.ndarray) -> np.ndarray:
    """Converts float64 HSV of shape (..., 3), values in 0..1, to RGB of the same shape."""
    hue, saturation, value = hsv[..., 0], hsv[..., 1], hsv[..., 2]
    sextant = np.floor(hue * 6.0)
    fraction = hue * 6.0 - sextant
    low = value * (1.0 - saturation)
    falling = value * (1.0 - fraction * saturation)
    rising = value * (1.0 - (1.0 - fraction) * saturation)
    which = sextant.astype(np.int64) % 6
    return np.stack(
        [
            np.choose(which, [value, falling, low, low, rising, value]),
            np.choose(which, [rising, value, value, falling, low, low]),
            np.choose(which, [low, low, rising, value, value, falling]),
        ],
        axis=-1,
    )
