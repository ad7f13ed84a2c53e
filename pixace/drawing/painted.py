"""What is painted for all pictures of a drawing, whatever they complete."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from pixace.drawing.overlay import Overlay, open_overlay
from pixace.drawing.sketch import Sketch, open_sketch
from pixace.drawing.used_files import PictureSource
from pixace.errors import UsageError
from pixace.settings.drawing import DrawingSettings
from pixace.settings.pictures import PictureSettings


class Painted(NamedTuple):
    """What is painted.

    Attributes:
      sketch: what to follow; None follows the model alone.
      overlay: what to keep; None keeps what prompts say.
    """

    sketch: Sketch | None = None
    overlay: Overlay | None = None


NOTHING = Painted()


def open_painted(
    init: PictureSource | None, overlay: PictureSource | None, pictures: PictureSettings
) -> Painted:
    """Reads what is named; see `open_sketch` and `open_overlay`.

    Raises:
      UsageError: one is no picture and names none.
      ImageError: one cannot be read.
    """
    return Painted(
        None if init is None else open_sketch(init, pictures),
        None if overlay is None else open_overlay(overlay, pictures),
    )


def followed(settings: DrawingSettings, painted: Painted) -> tuple[DrawingSettings, Painted]:
    """Returns both as they are where a strength of 0 is no sketch at all.

    Raises:
      UsageError: there is a strength, and no sketch.
    """
    if settings.init_strength is not None and painted.sketch is None:
        raise UsageError("init_strength needs a sketch to follow, by --init")
    if settings.init_strength != 0:
        return settings, painted
    return dataclasses.replace(settings, init_strength=None), painted._replace(sketch=None)
