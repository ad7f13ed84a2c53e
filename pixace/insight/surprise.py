"""Where a model was surprised: each picture beside a heat map of -log2 p of its pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pixace.pictures.collage import collage, in_square
from pixace.pictures.rgb import on_background
from pixace.settings.pictures import PictureSettings
from pixace.tokens.codec import codec_of
from pixace.tokens.order import order_of
from pixace.tokens.tiles import picture_of
from pixace.wording import shown

MAX_ROWS = 20  # pictures on one sheet

_TILE = 128  # pixels, edge of a picture on the sheet
_MARGIN = 8
_HEADER = 56  # height of the legend
_CAPTION = 3 * _TILE  # width
_FONT_SIZE = 14

# Every sixteenth colour of matplotlib's "magma" (by N. Smith and S. van der Walt, CC0), which gets
# evenly brighter: black is no surprise, pale yellow the greatest. Colours between are interpolated.
_MAGMA = np.array(
    [
        *((0, 0, 4), (10, 8, 34), (29, 17, 71), (54, 16, 107), (81, 18, 124), (106, 28, 129)),
        *((131, 38, 129), (156, 46, 127), (183, 55, 121), (208, 65, 111), (231, 82, 99)),
        *((245, 107, 92), (252, 137, 97), (254, 167, 114), (254, 196, 136), (253, 226, 163)),
        (252, 253, 191),
    ]
)

_Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont


class Surprise(NamedTuple):
    """One picture, and how surprising each of its pixels is to a model.

    Attributes:
      name: what to call it.
      tokens: unsigned integers (L,).
      nats: float64 (L,), -ln p of each pixel, given those before it.
    """

    name: str
    tokens: np.ndarray
    nats: np.ndarray

    @property
    def bits_per_pixel(self) -> float:
        """-log2 p of one pixel, on average."""
        return float(self.nats.mean()) / math.log(2)


def magma(shares: np.ndarray) -> np.ndarray:
    """Returns the colours of numbers from 0 to 1, float (...), as uint8 RGB (..., 3).

    What lies outside takes the colour of the nearer end.
    """
    stops = np.linspace(0, 1, len(_MAGMA))
    channels = [np.interp(shares, stops, channel) for channel in _MAGMA.T]
    return np.round(np.stack(channels, axis=-1)).astype(np.uint8)


def heat_map(nats: np.ndarray, pictures: PictureSettings) -> Image.Image:
    """Draws the surprise of the pixels of one picture.

    The scale is the same for all pictures of one codec: from 0 to log2 V bits, which is what a
    blind guess among all V colours costs. A model that was wrong can be surprised by more; that
    is drawn like log2 V.

    Args:
      nats: float (L,), -ln p of each pixel.
      pictures: shape and colours.
    """
    most = math.log(codec_of(pictures).n_tokens)
    return Image.fromarray(magma(order_of(pictures).picture(nats) / most))


def surprise_sheet(surprises: Sequence[Surprise], pictures: PictureSettings) -> Image.Image:
    """Lays out pictures as the model sees them, their heat maps, their figures and names.

    Args:
      surprises: a row each, at most MAX_ROWS.
      pictures: shape and colours.

    Returns:
      An RGB picture of `sheet_size(len(surprises))`.
    """
    edge = _TILE - 2  # the collage adds a border of one pixel
    pairs = [(picture_of(row.tokens, pictures), heat_map(row.nats, pictures)) for row in surprises]
    tiles = [[in_square(tile, edge) for tile in pair] for pair in pairs]
    sheet = Image.new("RGB", sheet_size(len(surprises)))
    sheet.paste(on_background(collage(tiles, _TILE), pictures.background), (0, _HEADER))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(_FONT_SIZE)
    _draw_legend(sheet, pen, font, codec_of(pictures).n_tokens)
    for number, row in enumerate(surprises):
        left, top = 2 * _TILE + _MARGIN, _HEADER + number * _TILE + _TILE // 2 - _FONT_SIZE
        words = f"{number + 1}: {row.bits_per_pixel:.2f} bits per pixel"
        pen.text((left, top), words, "white", font)
        name = _fitting(shown(row.name), font, _CAPTION - 2 * _MARGIN)
        pen.text((left, top + 1.3 * _FONT_SIZE), name, "silver", font)
    return sheet


def sheet_size(n_rows: int) -> tuple[int, int]:
    """Returns the width and the height of a sheet of so many pictures."""
    return 2 * _TILE + _CAPTION, _HEADER + n_rows * _TILE


def _draw_legend(sheet: Image.Image, pen: ImageDraw.ImageDraw, font: _Font, n_colours: int) -> None:
    """Draws the scale of colours above the heat maps, and its figures."""
    width = 2 * _TILE - 2 * _MARGIN
    bar = np.tile(magma(np.linspace(0, 1, width)), (_FONT_SIZE, 1, 1))
    sheet.paste(Image.fromarray(bar), (_MARGIN, _MARGIN))
    below = _MARGIN + 1.2 * _FONT_SIZE
    pen.text((_MARGIN, below), "0", "white", font)
    most = f"{math.log2(n_colours):.1f} bits"
    pen.text((_MARGIN + width, below), most, "white", font, anchor="ra")
    words = (
        f"surprise of each pixel, -log2 p\n{most}: a blind guess of {n_colours} colours, or more"
    )
    pen.text((2 * _TILE + _MARGIN, _MARGIN), words, "silver", font)


def _fitting(text: str, font: _Font, width: int) -> str:
    """Returns a text, or as much of its end as fits into `width` pixels."""
    if font.getlength(text) <= width:
        return text
    text = text[-width:]  # no character is narrower than a pixel
    while font.getlength(f"...{text}") > width:
        text = text[1:]
    return f"...{text}"
