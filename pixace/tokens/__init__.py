"""HSV quantisation: pictures to sequences of integer tokens and back.

One pixel is one token. Hue, saturation and value are each rounded to a few bits and packed into
one integer; ids 0 and 1 are reserved: `token = (h | s << bits_h | v << (bits_h + bits_s)) + 2`.
Training and drawing go through the same functions.

Shape letters used throughout the package: N images, B batch, H and W edges of a picture,
L = H * W tokens of one picture, V size of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from pixace.pictures.rgb import resize, to_rgb
from pixace.tokens.hsv import hsv_to_rgb, pixels_to_tokens, tokens_to_hsv
from pixace.tokens.vocabulary import token_count

__all__ = [
    "image_to_tokens",
    "quantised",
    "token_count",
    "tokens_to_image",
    "tokens_to_image_array",
]


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
