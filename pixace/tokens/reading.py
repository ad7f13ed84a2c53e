"""From a file, a URL or an opened picture to tokens: the one way that all pictures take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pixace.pictures.fitting import drafted, fitted
from pixace.pictures.metadata import is_drawn
from pixace.pictures.reading import open_fitted
from pixace.settings.pictures import PictureSettings
from pixace.tokens.codec import codec_of
from pixace.tokens.order import order_of
from pixace.tokens.vocabulary import N_RESERVED


def tokens_of(
    source: Path | str | Image.Image,
    pictures: PictureSettings,
    *,
    allow_private_urls: bool = False,
) -> np.ndarray:
    """Reads a picture as tokens.

    Args:
      source: a path, an http(s) URL, or a picture of any mode.
      pictures: shape, colours and background.
      allow_private_urls: fetch also from this machine and its own network.

    Returns:
      int32 (L,).

    Raises:
      ImageError: it cannot be fetched or read; the message names it.
    """
    img = _picture_of(source, pictures, allow_private_urls)
    return tokens_of_each([img], pictures)[0]


def tokens_of_file(img: Image.Image, pictures: PictureSettings) -> np.ndarray:
    """Returns the same of a file that has just been opened, and is not yet decoded."""
    return tokens_of_each([picture_of_file(img, pictures)], pictures)[0]


def picture_of_file(img: Image.Image, pictures: PictureSettings) -> Image.Image:
    """Returns the picture, of the model's shape, of a file that has just been opened."""
    return fitted(drafted(img, pictures), pictures)


def tokens_of_each(imgs: Sequence[Image.Image], pictures: PictureSettings) -> np.ndarray:
    """Quantises pictures of the model's shape together, which takes less time than one by one.

    Returns:
      int32 (N, L).
    """
    tokens = encoded(np.stack([np.asarray(img) for img in imgs]), pictures)
    for row, img in zip(tokens, imgs, strict=True):
        if is_drawn(img):
            row[:] = _exactly(img, row, pictures)
    return tokens


def pixels_of(
    source: Path | str | Image.Image,
    pictures: PictureSettings,
    *,
    allow_private_urls: bool = False,
) -> np.ndarray:
    """Reads a picture as pixels of the model's shape, in all their colours; see `tokens_of`.

    Returns:
      uint8 (H, W, C): RGB, or RGBA where pixels can be transparent.
    """
    return np.asarray(_picture_of(source, pictures, allow_private_urls))


def pixels_of_file(img: Image.Image, pictures: PictureSettings) -> np.ndarray:
    """Returns the same of a file that has just been opened, and is not yet decoded."""
    return np.asarray(picture_of_file(img, pictures))


def _picture_of(
    source: Path | str | Image.Image, pictures: PictureSettings, allow_private_urls: bool
) -> Image.Image:
    """Does the work of `pixels_of`, and keeps what the picture carries in its `info`."""
    if isinstance(source, Image.Image):
        return fitted(source, pictures)
    return open_fitted(source, pictures, allow_private_urls=allow_private_urls)


def encoded(pixels: np.ndarray, pictures: PictureSettings) -> np.ndarray:
    """Returns the tokens of whole pictures, uint8 (..., H, W, C), as int32 (..., L)."""
    return order_of(pictures).sequence(codec_of(pictures).encode(pixels))


def _exactly(img: Image.Image, tokens: np.ndarray, pictures: PictureSettings) -> np.ndarray:
    """Returns tokens of exactly the colours of a picture that was drawn with the same codec.

    Rounding to whole RGB values makes some codecs' darkest colours others when they are encoded.

    Args:
      img: RGB or RGBA, of the model's size.
      tokens: its tokens, int32 (L,), which are returned where it has any colour of no token.
      pictures: shape and colours.
    """
    pixels = order_of(pictures).sequence(_packed(np.asarray(img)))
    palette = _packed(codec_of(pictures).colours())
    wrong = palette[tokens] != pixels
    if not wrong.any():
        return tokens
    colours, firsts = np.unique(palette[N_RESERVED:], return_index=True)
    places = np.minimum(np.searchsorted(colours, pixels), len(colours) - 1)
    if (colours[places] != pixels)[wrong].any():
        return tokens
    return np.where(wrong, firsts[places] + N_RESERVED, tokens).astype(np.int32)


def _packed(pixels: np.ndarray) -> np.ndarray:
    """Returns colours, uint8 (..., C), as one integer each."""
    return pixels @ (1 << 8 * np.arange(pixels.shape[-1], dtype=np.int64)[::-1])
