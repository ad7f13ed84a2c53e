"""The shapes of a folder's pictures beside that of a model: what differs, and what would suit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from pixace.settings.pictures import PAD, PictureSettings, scaled_to

LONGER = 4 / 3  # a shape is another one if it is this many times as long one way
_MOST_EDGE = 64  # pixels: larger pictures are scaled, so that their shape counts alone


def other_shapes(sizes: np.ndarray, shape: tuple[int, int] = (1, 1)) -> np.ndarray:
    """Returns bool (N,): which pictures are of another shape than this one.

    Args:
      sizes: int (N, 2), width and height of each picture.
      shape: a width and a height.
    """
    sides = sizes * shape[::-1]
    return np.asarray(sides.max(axis=1) >= LONGER * sides.min(axis=1))


def enlarged(sizes: np.ndarray, pictures: PictureSettings) -> np.ndarray:
    """Returns bool (N,): which pictures are enlarged, at least one way; see `other_shapes`."""
    smaller = sizes < pictures.size
    return np.asarray(smaller.all(axis=1) if pictures.fit == PAD else smaller.any(axis=1))


def suitable_size(sizes: np.ndarray, pictures: PictureSettings) -> tuple[int, int] | None:
    """Returns the width and height that would suit most pictures better.

    That is the size of most of them, where it is small; or else their shape, as large as the
    model's pictures are. None where these are so already, or most are not alike.

    Args:
      sizes: see `other_shapes`.
      pictures: what a model makes of them.
    """
    edge = max(pictures.size)
    size = _most([(int(width), int(height)) for width, height in sizes])
    if size is not None and max(size) <= _MOST_EDGE:
        is_same_shape = scaled_to(size, edge) == pictures.size
        return None if is_same_shape and max(size) >= edge else size
    shape = _most([scaled_to((int(width), int(height)), edge) for width, height in sizes])
    if shape is None or not other_shapes(np.array([shape]), pictures.size)[0]:
        return None
    return shape


def _most(sizes: Iterable[tuple[int, int]]) -> tuple[int, int] | None:
    """Returns the size that more than half have, if there is one."""
    counts = Counter(sizes)
    size, count = max(counts.items(), key=lambda item: item[1], default=(None, 0))
    return size if 2 * count > counts.total() else None
