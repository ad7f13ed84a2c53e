"""From a file, a URL or an opened picture to tokens: the one way that all pictures take."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from pixace.errors import ImageError
from pixace.pictures.fitting import fitted
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
    tokens = encoded(np.asarray(img), pictures)
    return _exactly(img, tokens, pictures) if is_drawn(img) else tokens


def tokens_of_each(
    paths: Iterable[Path], pictures: PictureSettings
) -> list[np.ndarray | ImageError]:
    """Reads files as `tokens_of` does, but quantises them together, which takes less time.

    Args:
      paths: the files.
      pictures: see `tokens_of`.

    Returns:
      The tokens of each, int32 (L,), or else what is wrong with it.
    """
    found: list[Image.Image | ImageError] = []
    for path in paths:
        try:
            found.append(_picture_of(path, pictures, False))
        except ImageError as error:
            found.append(error)
    good = [img for img in found if isinstance(img, Image.Image)]
    rows = iter(encoded(np.stack([np.asarray(img) for img in good]), pictures) if good else ())
    results: list[np.ndarray | ImageError] = []
    for img in found:
        if isinstance(img, Image.Image):
            tokens = next(rows)
            results.append(_exactly(img, tokens, pictures) if is_drawn(img) else tokens)
        else:
            results.append(img)
    return results


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
    return np.asarray(_picture_of(source, pictures, allow_private_urls))


def _picture_of(
    source: Path | str | Image.Image, pictures: PictureSettings, allow_private_urls: bool
) -> Image.Image:
    """Does the work of `pixels_of`, and keeps what the picture carries in its `info`."""
    if isinstance(source, Image.Image):
        return fitted(source, pictures)
    return open_fitted(source, pictures, allow_private_urls=allow_private_urls)


def encoded(pixels: np.ndarray, pictures: PictureSettings) -> np.ndarray:
    """Returns the tokens of whole pictures, uint8 RGB (..., H, W, 3), as int32 (..., L)."""
    return order_of(pictures).sequence(codec_of(pictures).encode(pixels))


def _exactly(img: Image.Image, tokens: np.ndarray, pictures: PictureSettings) -> np.ndarray:
    """Returns tokens of exactly the colours of a picture that was drawn with the same codec.

    Rounding to whole RGB values makes some codecs' darkest colours others when they are encoded.

    Args:
      img: RGB, of the model's size.
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
    if (colours[places] != pixels).any():
        return tokens
    return np.where(wrong, firsts[places] + N_RESERVED, tokens).astype(np.int32)


def _packed(rgb: np.ndarray) -> np.ndarray:
    """Returns colours, uint8 (..., 3), as one integer each."""
    return rgb @ np.array([1 << 16, 1 << 8, 1], np.int32)
