"""Pictures whose every pixel counts: enlarged by whole blocks, taken back, with a palette."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

_MAX_COLOURS = 256  # of a PNG with a palette
_STRIP = 64  # rows compared at once: most pictures show in the first that they are no blocks


def enlarged(picture: Image.Image, times: int) -> Image.Image:
    """Repeats each pixel so often both ways."""
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)


def shrunk(picture: Image.Image, size: tuple[int, int]) -> Image.Image | None:
    """Takes back what `enlarged` has done.

    Args:
      picture: a picture of any mode.
      size: the width and height that it may have been enlarged from.

    Returns:
      The picture of that size; None where this one is not made of so many equal blocks.
    """
    times = picture.width // size[0]
    if times < 1 or picture.size != (size[0] * times, size[1] * times):
        return None
    small = picture.resize(size, Image.Resampling.NEAREST)
    return small if enlarged(small, times).tobytes() == picture.tobytes() else None


def block_size(picture: Image.Image) -> int:
    """Returns how often `enlarged` may have repeated each pixel: the edge of the largest blocks.

    Args:
      picture: a picture of any mode.

    Returns:
      1 where it is not made of equal square blocks; of one colour, it is one block or several.
    """
    size = math.gcd(*picture.size)
    pixels = np.asarray(picture)
    row = pixels[0]
    for top in range(0, len(pixels), _STRIP):
        if size == 1:
            break
        strip = pixels[top : top + _STRIP]
        above = np.concatenate([row[None], strip[:-1]])
        row = strip[-1]
        size = math.gcd(size, *_changes(strip != above, top))
        size = math.gcd(size, *_changes((strip[:, 1:] != strip[:, :-1]).any(axis=0), 1))
    return size


def _changes(is_other: np.ndarray, first: int) -> list[int]:
    """Returns in which rows or columns, numbered from `first`, there is any change."""
    is_changed = is_other.any(axis=tuple(range(1, is_other.ndim)))
    return (np.flatnonzero(is_changed) + first).tolist()


def tiled(rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Puts pictures of one size side by side, without borders; a cell that is left is transparent.

    Args:
      rows: RGB pictures, or all of them RGBA; the last row may have fewer.
    """
    width, height = rows[0][0].size
    mode = rows[0][0].mode if len(rows[-1]) == len(rows[0]) else "RGBA"
    size = (len(rows[0]) * width, len(rows) * height)
    sheet = Image.new(mode, size)
    for top, row in enumerate(rows):
        for left, picture in enumerate(row):
            sheet.paste(picture.convert(sheet.mode), (left * width, top * height))
    return sheet


def indexed(picture: Image.Image) -> Image.Image:
    """Gives a picture a palette of exactly its own colours, transparent ones first.

    Args:
      picture: in mode RGB or RGBA.

    Returns:
      A picture in mode P, or the one given where it has more than 256 colours.
    """
    pixels = np.asarray(picture.convert("RGBA")).astype(np.uint32)
    packed = pixels @ np.array([1 << 16, 1 << 8, 1, 1 << 24], np.uint32)
    colours, indices = np.unique(packed, return_inverse=True)
    if len(colours) > _MAX_COLOURS:
        return picture
    result = Image.fromarray(indices.reshape(packed.shape).astype(np.uint8))
    result.putpalette(colours.astype(">u4").view(np.uint8).reshape(-1, 4)[:, 1:].tobytes())
    result.info = dict(picture.info)
    if picture.mode == "RGBA":
        result.info["transparency"] = (colours >> 24).astype(np.uint8).tobytes()
    return result
