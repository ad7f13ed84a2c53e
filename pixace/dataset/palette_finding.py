"""The palette of a folder of images: the colours that are there, or as many that come near them.

Near ones are means of k-means in CIELAB, from a start as k-means++ chooses it (Arthur and
Vassilvitskii, 2007), each replaced by the nearest colour that is there. So what is made small is
the difference that one sees, and that `quantize` reports; median cut divides RGB, in which equal
steps do not look equal.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator

import numpy as np
from PIL import Image

from pixace.errors import ImageError
from pixace.pictures.colour_error import lab, nearest_points
from pixace.pictures.cutting import find_pictures
from pixace.pictures.folder import ImagePath, ImagePaths, ImageSource, spread_numbers
from pixace.pictures.many import PIECES_PIXELS, read_in_order
from pixace.pictures.rgb import OPAQUE
from pixace.settings.colours import is_open, label, most_colours, palette
from pixace.settings.model import ModelConfig
from pixace.settings.pictures import PictureSettings
from pixace.settings.reading import ONE_EACH, ReadingSettings
from pixace.tokens.palette_names import colours_named
from pixace.tokens.reading import pixels_of_file
from pixace.wording import shown

_log = logging.getLogger(__name__)

_MAX_SAMPLE = 1000  # pictures that near colours are found from
_MAX_PIXELS = 1 << 16  # of all of them
_ROUNDS = 12  # of k-means; after that the error hardly falls any more


def found_colours(paths: ImagePaths, pictures: PictureSettings) -> str:
    """Returns the colours that "palette:auto" stands for in some images, as settings hold them.

    Where the images, scaled, have no more colours than it may have, it is these; else they are
    learned from a part of the images. The dark ones come first. The same images give the same.

    Args:
      paths: the images; those that cannot be read are passed over.
      pictures: their shape and background, and colours that are an open palette.

    Raises:
      ImageError: none can be read.
    """
    colours = few_colours(paths, pictures)
    if colours is None:
        colours = near_colours(sampled_pixels(paths, pictures), most_colours(pictures.colours))
    if not colours:
        raise ImageError(
            f"{shown(paths.source)}: no colours to find, as none of its images can be read"
            + (", or shows anything" if pictures.alpha else "")
        )
    return palette(colours)


def few_colours(paths: ImagePaths, pictures: PictureSettings) -> list[str] | None:
    """Returns all the colours of some images, scaled, each as rrggbb, the dark ones first.

    Args:
      paths: see `found_colours`.
      pictures: see `found_colours`.

    Returns:
      The colours, none where nothing is shown; None if the open palette may not have so many.
    """
    codes = _few(_pixels(paths, pictures), most_colours(pictures.colours))
    return None if codes is None else _from_dark_on(codes)


def sampled_pixels(paths: ImagePaths, pictures: PictureSettings) -> np.ndarray:
    """Returns the pixels that near colours are learned from, as codes, int (N,).

    Args:
      paths: see `found_colours`; some of them can be read.
      pictures: see `found_colours`.
    """
    sample = paths.spread(_MAX_SAMPLE)
    each = max(1, _MAX_PIXELS // len(sample))
    return np.concatenate(
        [
            pixels[spread_numbers(len(pixels), min(each, len(pixels)))]
            for pixels in _pixels(sample, pictures)
        ]
    )


def near_colours(pixels: np.ndarray, most: int) -> list[str]:
    """Returns at most so many colours that come near those of pixels; see `sampled_pixels`."""
    return _from_dark_on(_learned(pixels, most))


def settled_colours(words: str, paths: ImagePaths, pictures: PictureSettings) -> str:
    """Returns the colours that a user means, as settings hold them.

    Args:
      words: see `colours_named`.
      paths: the images in which an open palette is found.
      pictures: their shape and background.

    Raises:
      UsageError: they name no colours, or a palette's file cannot be read.
      ImageError: none of the images can be.
    """
    colours = colours_named(words)
    if not is_open(colours):
        return colours
    return found_colours(paths, dataclasses.replace(pictures, colours=colours))


def with_found_colours(
    config: ModelConfig, folder: ImageSource | None, reading: ReadingSettings = ONE_EACH
) -> ModelConfig:
    """Returns settings of a new model whose palette is no longer open; others as they are.

    Args:
      config: the settings.
      folder: of the images to find it in; None takes some palette, as large as it may become.
      reading: how its files become pictures.

    Raises:
      ImageError: there is no such folder, or no image in it that can be read.
    """
    if not is_open(config.pictures.colours):
        return config
    if folder is not None:
        pictures = dataclasses.replace(config.pictures, unscale=reading.unscale)
        colours = found_colours(find_pictures(folder, reading).paths, pictures)
        _log.info("colours: %s", label(colours))
    else:
        colours = palette([f"{code:06x}" for code in range(most_colours(config.colours))])
    return dataclasses.replace(config, colours=colours)


def _pixels(paths: ImagePaths, pictures: PictureSettings) -> Iterator[np.ndarray]:
    """Yields the codes of the pixels of each image that can be read, int (L,).

    Those that are mostly transparent are left out where pixels can be transparent.
    """

    def work(_: ImagePath, img: Image.Image) -> np.ndarray:
        pixels = pixels_of_file(img, pictures).astype(np.int64)
        if pictures.alpha:
            pixels = pixels[pixels[..., 3] >= OPAQUE]
        return (pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]).reshape(-1)

    n_pieces = max(1, PIECES_PIXELS // pictures.n_pixels)
    for _, codes in read_in_order(paths, range(len(paths)), work, n_pieces):
        if not isinstance(codes, ImageError):  # which reading the tokens will tell
            yield codes


def _few(images: Iterator[np.ndarray], most: int) -> np.ndarray | None:
    """Returns all the colours of images, int (K,), or None if there are more than so many."""
    seen = np.empty(0, np.int64)
    for codes in images:
        seen = np.union1d(seen, codes)
        if len(seen) > most:
            return None
    return seen


def _learned(codes: np.ndarray, most: int) -> np.ndarray:
    """Returns at most so many of the colours of pixels, int (N,), that come near all of them."""
    distinct, counts = np.unique(codes, return_counts=True)
    if len(distinct) <= most:
        return distinct
    points = lab(_rgb(distinct))
    centres = _start(points, counts, most)
    for _ in range(_ROUNDS):
        groups = nearest_points(points, centres)
        weights = np.bincount(groups, counts, minlength=most)
        sums = [np.bincount(groups, counts * axis, minlength=most) for axis in points.T]
        means = np.stack(sums, axis=-1) / np.maximum(weights, 1)[:, None]
        centres = np.where(weights[:, None] > 0, means, centres)
    return np.unique(distinct[nearest_points(centres, points)])


def _start(points: np.ndarray, counts: np.ndarray, most: int) -> np.ndarray:
    """Chooses points to start from, likelier the farther they are from those chosen before."""
    rng = np.random.default_rng(0)
    chosen = [int(counts.argmax())]
    distances = ((points - points[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < most:
        likely = np.cumsum(counts * distances)
        chosen.append(int(np.searchsorted(likely, rng.random() * likely[-1], side="right")))
        distances = np.minimum(distances, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return points[chosen]


def _from_dark_on(codes: np.ndarray) -> list[str]:
    lightness = lab(_rgb(codes))[:, 0]
    return [f"{code:06x}" for code in codes[np.lexsort([codes, lightness])]]


def _rgb(codes: np.ndarray) -> np.ndarray:
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.uint8)
