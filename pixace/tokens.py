"""HSV quantisation: pictures to sequences of integer tokens and back.

One pixel is one token. Hue, saturation and value are each rounded to a few bits and packed into
one integer; ids 0 and 1 are reserved: `token = (h | s << bits_h | v << (bits_h + bits_s)) + 2`.
Training and prediction both go through this module and nothing else.

Shape letters used throughout the package: N images, B batch, H and W edges of a picture,
L = H * W tokens of one picture, V size of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from pixace.images import resize, to_rgb

PAD_ID = 0  # also the start symbol that the models see before the first pixel
FILL_ID = 1
N_RESERVED = 2


def token_count(bitdepth: Sequence[int]) -> int:
    """Returns V, the size of the vocabulary: `2**sum(bitdepth) + 2`.

    >>> token_count(bitdepth=(5, 4, 4))
    8194
    """
    return 2 ** sum(bitdepth) + N_RESERVED


def image_to_tokens(
    img: Image.Image, size: int, bitdepth: Sequence[int], background: str = "black"
) -> np.ndarray:
    """Scales a picture to a square and quantises it.

    Args:
      img: a picture of any mode.
      size: edge of the square in pixels; the aspect ratio is not kept.
      bitdepth: bits of hue, saturation and value.
      background: colour behind transparent pixels.

    Returns:
      int32 array of shape (L,), L = size * size, row by row from the top left.
    """
    pixels = np.asarray(resize(to_rgb(img, background), size))
    return pixels_to_tokens(pixels, bitdepth).reshape(-1)


def quantised(img: Image.Image, size: int, bitdepth: Sequence[int]) -> Image.Image:
    """Returns what a model sees of a picture: scaled to a square, each pixel in a token's colour.

    Args:
      img: a picture of any mode.
      size: edge of the square in pixels.
      bitdepth: bits of hue, saturation and value.
    """
    return tokens_to_image(image_to_tokens(img, size, bitdepth), bitdepth)


def tokens_to_image(tokens: np.ndarray, bitdepth: Sequence[int]) -> Image.Image:
    """Decodes the tokens of one square picture, shape (L,), to an RGB picture.

    Raises:
      ValueError: L is not a square number.
    """
    pixels = np.round(tokens_to_image_array(tokens, bitdepth) * 255)
    return Image.fromarray(pixels.astype(np.uint8))


def tokens_to_image_array(tokens: np.ndarray, bitdepth: Sequence[int]) -> np.ndarray:
    """Decodes the tokens of one square picture to RGB values.

    Args:
      tokens: integers of shape (L,); reserved and out-of-range ids decode to black.
      bitdepth: bits of hue, saturation and value.

    Returns:
      float64 array of shape (H, W, 3), values in 0..1.

    Raises:
      ValueError: L is not a square number.
    """
    tokens = np.asarray(tokens)
    edge = round(tokens.size**0.5)
    if edge * edge != tokens.size:
        raise ValueError(f"{tokens.size} tokens are no square picture")
    return hsv_to_rgb(tokens_to_hsv(tokens.reshape(edge, edge), bitdepth))


def pixels_to_tokens(pixels: np.ndarray, bitdepth: Sequence[int]) -> np.ndarray:
    """Quantises RGB pixels, uint8 of shape (..., 3), to int32 tokens of shape (...)."""
    hsv = rgb_to_hsv(pixels / 255.0)
    levels = np.round(hsv * _max_levels(bitdepth)).astype(np.int32)
    shift_s, shift_v = bitdepth[0], bitdepth[0] + bitdepth[1]
    hue, saturation, value = levels[..., 0], levels[..., 1], levels[..., 2]
    return (hue | saturation << shift_s | value << shift_v) + N_RESERVED


def tokens_to_hsv(tokens: np.ndarray, bitdepth: Sequence[int]) -> np.ndarray:
    """Unpacks tokens of shape (...) to float64 HSV of shape (..., 3), values in 0..1."""
    bits_h, bits_s, bits_v = bitdepth
    codes = np.asarray(tokens, dtype=np.int64) - N_RESERVED
    codes = np.where((codes < 0) | (codes >= 2 ** sum(bitdepth)), 0, codes)
    levels = np.stack(
        [
            codes & (2**bits_h - 1),
            codes >> bits_h & (2**bits_s - 1),
            codes >> (bits_h + bits_s) & (2**bits_v - 1),
        ],
        axis=-1,
    )
    return levels / np.maximum(_max_levels(bitdepth), 1)


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


def _max_levels(bitdepth: Sequence[int]) -> np.ndarray:
    """Returns the highest level of each channel, float64 of shape (3,)."""
    return np.array([2.0**bits - 1.0 for bits in bitdepth])
