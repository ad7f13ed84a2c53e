"""Tokens to pictures: one, or the tiles of a collage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from pixace.settings.pictures import PictureSettings
from pixace.tokens.codec import codec_of
from pixace.tokens.order import order_of
from pixace.tokens.palette import PaletteCodec
from pixace.tokens.vocabulary import PAD_ID


def picture_of(tokens: np.ndarray, pictures: PictureSettings) -> Image.Image:
    """Decodes the tokens of one picture, integers (L,), to a picture of W x H pixels.

    It is RGB, or RGBA where pixels can be transparent.
    """
    return Image.fromarray(codec_of(pictures).decode(order_of(pictures).picture(tokens)))


def token_rows(columns: Sequence[np.ndarray], pictures: PictureSettings) -> list[list[Image.Image]]:
    """Decodes columns of token sequences to the rows of a collage.

    Args:
      columns: int tokens (B, T), T <= L; missing pixels are black.
      pictures: shape and colours.
    """
    filled = [
        np.pad(column, ((0, 0), (0, pictures.n_pixels - column.shape[1])), constant_values=PAD_ID)
        for column in columns
    ]
    return [[picture_of(tokens, pictures) for tokens in row] for row in zip(*filled, strict=True)]


def recoloured(rows: Sequence[Sequence[Image.Image]], colours: str) -> list[list[Image.Image]]:
    """Gives each pixel of pictures, RGB or RGBA, the nearest of some colours in CIELAB.

    Nothing is dithered. The alpha of a pixel stays, and one that cannot be seen stays whole.

    Args:
      rows: rows of pictures.
      colours: rrggbb,rrggbb,...
    """
    codec = PaletteCodec.from_words(colours)

    def work(picture: Image.Image) -> Image.Image:
        pixels = np.array(picture)
        is_seen = pixels[..., 3:].any(axis=-1) | (pixels.shape[-1] == 3)
        pixels[is_seen, :3] = codec.decode(codec.encode(pixels[is_seen, :3]))
        return Image.fromarray(pixels)

    return [[work(picture) for picture in row] for row in rows]
