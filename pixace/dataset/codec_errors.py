"""How far tokens would be from the colours of a folder's images, by codec, as `check` tells it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from PIL import Image

from pixace.dataset.palette_finding import few_colours, near_colours, sampled_pixels
from pixace.errors import ImageError
from pixace.pictures.colour_error import colour_error
from pixace.pictures.folder import ImagePath, ImagePaths
from pixace.pictures.many import read_in_order
from pixace.settings.colours import label, most_colours, palette
from pixace.settings.pictures import PictureSettings
from pixace.tokens.codec import codec_of
from pixace.tokens.reading import pixels_of_file

# Tried besides the user's colours.
_BITS = ("hsv:3,2,2", "hsv:4,3,3", "hsv:5,4,4")
_PALETTES = ("palette:auto:16", "palette:auto:64", "palette:auto:256")
_MAX_SAMPLE = 200  # pictures whose colours are compared


class CodecErrors(NamedTuple):
    """How far colours are off, by codec; see `quantisation_errors`.

    Attributes:
      of_bits: for the user's colours and some bit depths.
      of_palettes: for palettes of the images' own colours; none where no picture shows a colour.
      n_colours: how many colours all pictures have, scaled as for a palette; None if they have
        more than the largest of these palettes.
    """

    of_bits: dict[str, float]
    of_palettes: dict[str, float]
    n_colours: int | None


def compare_codecs(paths: ImagePaths, pictures: PictureSettings) -> CodecErrors:
    """Tries the colours of a model on its images, and others beside them.

    Args:
      paths: the images.
      pictures: what a model will make of them.
    """
    by_label = {label(colours): colours for colours in (*_BITS, pictures.colours)}
    few = few_colours(paths, dataclasses.replace(pictures, colours=_PALETTES[-1]))
    return CodecErrors(
        quantisation_errors(paths, pictures, by_label),
        _palette_errors(paths, pictures, few),
        None if few is None else len(few),
    )


def _palette_errors(
    paths: ImagePaths, pictures: PictureSettings, few: list[str] | None
) -> dict[str, float]:
    """Measures palettes of the images' own colours; see `quantisation_errors`.

    Args:
      paths: the pictures, in all of which the palettes are found, as a training finds them.
      pictures: shape and background.
      few: all their colours; None if there are too many for any of the palettes.

    Returns:
      None of them where no picture shows a colour.
    """
    if few is not None and not few:
        return {}
    # Scaled as for a palette: without new colours where that can be.
    pictures = dataclasses.replace(pictures, colours=_PALETTES[0])
    palettes, pixels = {}, None
    for name in _PALETTES:
        colours, most = few, most_colours(name)
        if colours is None or len(colours) > most:
            pixels = sampled_pixels(paths, pictures) if pixels is None else pixels
            colours = near_colours(pixels, most)
        palettes[name] = palette(colours)
    return quantisation_errors(paths, pictures, palettes)


def quantisation_errors(
    paths: ImagePaths, pictures: PictureSettings, colours: Mapping[str, str]
) -> dict[str, float]:
    """Measures how far tokens are from the colours of the scaled pictures, on at most 200 of them.

    Args:
      paths: the pictures.
      pictures: shape and background.
      colours: codecs to try, as they spell themselves, by name.

    Returns:
      By the same names, the one with the fewest colours first, `colour_error` over all pixels.
    """
    by_name = {
        name: codec_of(dataclasses.replace(pictures, colours=each))
        for name, each in colours.items()
    }
    names = sorted(by_name, key=lambda name: by_name[name].n_tokens)
    codecs = [by_name[name] for name in names]

    def work(_: ImagePath, img: Image.Image) -> list[float]:
        pixels = pixels_of_file(img, pictures)
        return [colour_error(pixels, codec.decode(codec.encode(pixels))) for codec in codecs]

    sample = paths.spread(_MAX_SAMPLE)
    rows = read_in_order(sample, range(len(sample)), work, _MAX_SAMPLE)
    errors = [
        row for _, row in rows if not isinstance(row, ImageError)
    ]  # all were there a while ago
    means = np.mean(errors, axis=0) if errors else np.zeros(len(codecs))
    return dict(zip(names, means.tolist(), strict=True))
