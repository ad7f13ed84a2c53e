"""A look at what becomes of a folder's pictures: each beside its tokens, drawn again."""

from __future__ import annotations

import math
from collections.abc import Callable

from PIL import Image

from pixace.errors import ImageError
from pixace.pictures.collage import collage, in_square
from pixace.pictures.fitting import drafted, fitted
from pixace.pictures.folder import ImagePath, ImagePaths
from pixace.pictures.many import read_in_order
from pixace.settings.pictures import PictureSettings, as_image_size, scaled_to
from pixace.tokens.reading import tokens_of_file
from pixace.tokens.tiles import picture_of

MOST = 40  # pictures

_PAIRS = 4  # in a row
_TILE = 100  # pixels, edge of a picture on the sheet


def contact_sheet(paths: ImagePaths, pictures: PictureSettings) -> Image.Image:
    """Lays out pictures, each made of the model's shape, with what the model sees at its right.

    Args:
      paths: 1 to MOST pictures.
      pictures: what the model makes of them.

    Returns:
      A picture of `sheet_size(len(paths))`: RGBA where pixels can be transparent, or else RGB.

    Raises:
      ImageError: one of them cannot be read.
    """
    edge = _TILE - 2  # the collage adds a border of one pixel
    large = PictureSettings.of(
        as_image_size(scaled_to(pictures.size, edge)),
        background=pictures.background,
        alpha=pictures.alpha,
        fit=pictures.fit,
    )

    def original(_: ImagePath, img: Image.Image) -> Image.Image:
        return in_square(fitted(drafted(img, large), large), edge)

    def seen(_: ImagePath, img: Image.Image) -> Image.Image:
        return in_square(picture_of(tokens_of_file(img, pictures), pictures), edge)

    pairs = zip(_made(paths, original), _made(paths, seen), strict=True)
    tiles = [tile for pair in pairs for tile in pair]
    columns, rows = (length // _TILE for length in sheet_size(len(paths)))
    tiles += [Image.new("RGB", (edge, edge))] * (rows * columns - len(tiles))
    return collage([tiles[row * columns : (row + 1) * columns] for row in range(rows)], _TILE)


def _made(
    paths: ImagePaths, work: Callable[[ImagePath, Image.Image], Image.Image]
) -> list[Image.Image]:
    """Returns what becomes of each picture."""
    results = []
    for _, result in read_in_order(paths, range(len(paths)), work, MOST):
        if isinstance(result, ImageError):
            raise result
        results.append(result)
    return results


def sheet_size(n_pictures: int) -> tuple[int, int]:
    """Returns the width and the height of the sheet of so many pictures."""
    return 2 * min(_PAIRS, n_pictures) * _TILE, math.ceil(n_pictures / _PAIRS) * _TILE
