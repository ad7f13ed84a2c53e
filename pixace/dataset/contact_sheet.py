"""A look at what becomes of a folder's pictures: each beside its tokens, drawn again."""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image

from pixace.pictures.collage import collage, in_square
from pixace.pictures.folder import ImagePaths
from pixace.pictures.reading import open_fitted
from pixace.settings.pictures import PictureSettings, as_image_size, scaled_to
from pixace.system.threads import in_order
from pixace.tokens.reading import tokens_of
from pixace.tokens.tiles import picture_of

MOST = 40  # pictures

_PAIRS = 4  # in a row
_TILE = 100  # pixels, edge of a picture on the sheet


def contact_sheet(paths: ImagePaths, pictures: PictureSettings) -> Image.Image:
    """Lays out pictures, each made of the model's shape, with what the model sees at its right.

    Args:
      paths: 1 to MOST image files.
      pictures: what the model makes of them.

    Returns:
      An RGB picture of `sheet_size(len(paths))`.

    Raises:
      ImageError: one of them cannot be read.
    """
    edge = _TILE - 2  # the collage adds a border of one pixel
    large = as_image_size(scaled_to(pictures.size, edge))
    originals = PictureSettings.of(large, background=pictures.background, fit=pictures.fit)

    def work(path: Path) -> list[Image.Image]:
        seen = picture_of(tokens_of(path, pictures), pictures)
        return [in_square(open_fitted(path, originals), edge), in_square(seen, edge)]

    tiles = [tile for pair in in_order(work, paths) for tile in pair]
    columns, rows = (length // _TILE for length in sheet_size(len(paths)))
    tiles += [Image.new("RGB", (edge, edge))] * (rows * columns - len(tiles))
    return collage([tiles[row * columns : (row + 1) * columns] for row in range(rows)], _TILE)


def sheet_size(n_pictures: int) -> tuple[int, int]:
    """Returns the width and the height of the sheet of so many pictures."""
    return 2 * min(_PAIRS, n_pictures) * _TILE, math.ceil(n_pictures / _PAIRS) * _TILE
