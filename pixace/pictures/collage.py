"""Laying out pictures as one: a row per image, a column per kind of result."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageOps

from pixace.settings.pictures import scaled_to, tile_size


def in_square(picture: Image.Image, edge: int) -> Image.Image:
    """Scales a picture with hard edges until it fits into a square, and makes the rest black."""
    square = Image.new(picture.mode, (edge, edge), "black")
    width, height = size = scaled_to(picture.size, edge)
    tile = picture.resize(size, Image.Resampling.NEAREST)
    square.paste(tile, ((edge - width) // 2, (edge - height) // 2))
    return square


def collage(rows: Sequence[Sequence[Image.Image]], scale: int) -> Image.Image:
    """Puts tiles side by side.

    Args:
      rows: pictures of one size, equally many in each row.
      scale: longer edge of one tile in pixels, which includes a border of one pixel of the small
        picture.

    Returns:
      A picture, as many tiles wide and high as there are columns and rows; RGBA if any of them is,
      or else RGB.
    """
    mode = "RGBA" if any(picture.mode == "RGBA" for row in rows for picture in row) else "RGB"
    width, height = tile_size(rows[0][0].size, scale)
    sheet = Image.new(mode, (len(rows[0]) * width, len(rows) * height))
    for top, row in enumerate(rows):
        for left, picture in enumerate(row):
            tile = ImageOps.expand(picture.convert(mode), border=1, fill="black")
            sheet.paste(tile.resize((width, height)), (left * width, top * height))
    return sheet
