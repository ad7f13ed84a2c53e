"""Laying out pictures as one: a row per image, a column per kind of result."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageOps


def collage(rows: Sequence[Sequence[Image.Image]], scale: int) -> Image.Image:
    """Puts tiles side by side.

    Args:
      rows: pictures, equally many in each row.
      scale: edge of one tile in pixels, which includes a border of one pixel of the small picture.

    Returns:
      A picture, `n_columns * scale` wide and `n_rows * scale` high; RGBA if any of them is, or else
      RGB.
    """
    mode = "RGBA" if any(picture.mode == "RGBA" for row in rows for picture in row) else "RGB"
    sheet = Image.new(mode, (len(rows[0]) * scale, len(rows) * scale))
    for top, row in enumerate(rows):
        for left, picture in enumerate(row):
            tile = ImageOps.expand(picture.convert(mode), border=1, fill="black")
            sheet.paste(tile.resize((scale, scale)), (left * scale, top * scale))
    return sheet
