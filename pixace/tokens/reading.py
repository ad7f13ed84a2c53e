"""From a file, a URL or an opened picture to tokens: the one way that all pictures take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from pixace.pictures.reading import open_image
from pixace.pictures.rgb import resize, to_rgb
from pixace.settings.pictures import PictureSettings
from pixace.tokens.codec import codec_of
from pixace.tokens.order import order_of


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
    return encoded(pixels_of(source, pictures, allow_private_urls=allow_private_urls), pictures)


def pixels_of(
    source: Path | str | Image.Image,
    pictures: PictureSettings,
    *,
    allow_private_urls: bool = False,
) -> np.ndarray:
    """Reads a picture as pixels of the model's shape, in all their colours; see `tokens_of`.

    Returns:
      uint8 RGB (H, W, 3).
    """
    if isinstance(source, Image.Image):
        rgb = to_rgb(source, pictures.background)
        return np.asarray(resize(rgb, pictures.size, pictures.in_blocks))
    img = open_image(
        source,
        pictures.background,
        size=pictures.size,
        in_blocks=pictures.in_blocks,
        allow_private_urls=allow_private_urls,
    )
    return np.asarray(img)


def encoded(pixels: np.ndarray, pictures: PictureSettings) -> np.ndarray:
    """Returns the tokens of whole pictures, uint8 RGB (..., H, W, 3), as int32 (..., L)."""
    return order_of(pictures).sequence(codec_of(pictures).encode(pixels))
