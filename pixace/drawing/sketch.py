"""A rough sketch that a drawing follows, by its colours alone."""

from __future__ import annotations

import dataclasses

import numpy as np

from pixace.drawing.painted import Painted
from pixace.drawing.pull import Pull
from pixace.drawing.recipe import UsedFile
from pixace.drawing.used_files import PictureSource, local_picture, used_as
from pixace.settings.pictures import PictureSettings
from pixace.tokens.codec import codec_of
from pixace.tokens.order import order_of
from pixace.tokens.reading import pixels_of

_STRENGTH = 0.5  # where a sketch is named, and no strength


@dataclasses.dataclass(frozen=True, eq=False)
class Sketch:
    """What to follow in each picture.

    Attributes:
      used: the file, as recipes name it, or what was painted.
      pixels: uint8 (L, C), RGB or RGBA, in all its colours.
      colours: uint8 (V, C), those of the model's tokens.
    """

    used: UsedFile | Painted
    pixels: np.ndarray
    colours: np.ndarray

    def pull(self, strength: float | None) -> Pull:
        """Returns what draws pixels towards the sketch so much; None is the usual strength."""
        return Pull(self.pixels, self.colours, _STRENGTH if strength is None else strength)


def open_sketch(source: PictureSource, pictures: PictureSettings) -> Sketch:
    """Reads a sketch as prompts are read: of any size, on the background where it is transparent.

    Args:
      source: a file, a picture, or the tokens that were painted.
      pictures: of the model that follows it.

    Raises:
      UsageError: it is no picture and names none.
      ImageError: it cannot be read.
    """
    source, colours = local_picture("init", source), codec_of(pictures).colours()
    if isinstance(source, Painted):
        return Sketch(source, colours[source.sequence(pictures, len(colours))], colours)
    channels = np.moveaxis(pixels_of(source, pictures), -1, 0)
    pixels = np.ascontiguousarray(order_of(pictures).sequence(channels).T)
    return Sketch(used_as(source, pixels), pixels, colours)
