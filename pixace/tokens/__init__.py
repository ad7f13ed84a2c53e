"""Pictures to sequences of integer tokens and back.

One pixel is one token. A codec says which integer a colour becomes; the first one rounds hue,
saturation and value to a few bits each. Ids 0 and 1 are reserved. Training and drawing go through
the same functions.

Shape letters, each with one meaning throughout the package: N images or prompts, B of them at a
time, the batch; H and W height and width of a picture, L = H * W tokens of one picture, T of them
one after another, V size of the vocabulary. In layers also: A heads of attention; D numbers of a
vector, D_k and D_v of a head's keys (and queries) and values, F of a vector that comes out; P
positions, those of a batch in one row; R rows of a picture, E pixels in a row (W, or one axis of a
grid). In drawings: C columns of results, one for each temperature, K pictures looked for among M.
Masks A and B of convolutions are names.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from pixace.pictures.rgb import to_rgb
from pixace.settings.pictures import ImageSize, size_of
from pixace.tokens.hsv import HsvCodec
from pixace.tokens.order import PixelOrder
from pixace.tokens.vocabulary import token_count

__all__ = ["image_to_tokens", "token_count", "tokens_to_image", "tokens_to_image_array"]


def image_to_tokens(
    img: Image.Image, size: ImageSize, bitdepth: Sequence[int], background: str = "black"
) -> np.ndarray:
    """Scales a picture and quantises it.

    Args:
      img: a picture of any mode.
      size: the edge of a square in pixels, or a width and a height as in "32x18" or (32, 18); the
        aspect ratio is not kept.
      bitdepth: bits of hue, saturation and value.
      background: colour behind transparent pixels.

    Returns:
      int32 array of shape (L,), L = W * H, row by row from the top left.

    Raises:
      UsageError: there is no such size.
    """
    width, height = (size, size) if isinstance(size, int) else size_of(size)
    pixels = np.asarray(to_rgb(img, background).resize((width, height)))
    return PixelOrder(height, width).sequence(HsvCodec(bitdepth).encode(pixels))


def tokens_to_image(
    tokens: np.ndarray, bitdepth: Sequence[int], size: ImageSize | None = None
) -> Image.Image:
    """Decodes the tokens of one picture to an RGB picture; see `tokens_to_image_array`."""
    return Image.fromarray(HsvCodec(bitdepth).decode(_picture(tokens, size)))


def tokens_to_image_array(
    tokens: np.ndarray, bitdepth: Sequence[int], size: ImageSize | None = None
) -> np.ndarray:
    """Decodes the tokens of one picture to RGB values.

    Args:
      tokens: integers of shape (L,); reserved and out-of-range ids decode to black.
      bitdepth: bits of hue, saturation and value.
      size: of the picture: the edge of a square, or its width and height as in "32x18" or (32, 18);
        None is a square.

    Returns:
      float64 array of shape (H, W, 3), values in 0..1.

    Raises:
      ValueError: L is not a square number, or not that of a picture of this size.
      UsageError: there is no such size.
    """
    return HsvCodec(bitdepth).decode_exactly(_picture(tokens, size))


def _picture(tokens: np.ndarray, size: ImageSize | None) -> np.ndarray:
    """Returns the tokens of one picture, (L,), as (H, W); see `tokens_to_image_array`."""
    tokens = np.asarray(tokens)
    edge = round(tokens.size**0.5)
    width, height = (edge, edge) if size is None else size_of(size)
    if width * height != tokens.size:
        shape = "square picture" if size is None else f"picture of {width}x{height} pixels"
        raise ValueError(f"{tokens.size} tokens are no {shape}")
    return PixelOrder(height, width).picture(tokens)
