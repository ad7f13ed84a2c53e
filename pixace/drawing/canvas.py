"""What every picture of a drawing is drawn between: a sketch below it, and an overlay above it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

from pixace.drawing.overlay import Overlay, open_overlay
from pixace.drawing.prompts import Prompt
from pixace.drawing.pull import Pull
from pixace.drawing.sketch import Sketch, open_sketch
from pixace.drawing.used_files import PictureSource
from pixace.errors import UsageError
from pixace.settings.drawing import DrawingSettings
from pixace.settings.pictures import PictureSettings
from pixace.settings.sweep import frames_of


class Canvas(NamedTuple):
    """What lies below and above each picture, whatever it completes.

    Attributes:
      sketch: what to follow; None follows the model alone.
      overlay: what to keep; None keeps what prompts say.
    """

    sketch: Sketch | None = None
    overlay: Overlay | None = None

    def pull(self, strength: float | None) -> Pull | None:
        """Returns what draws pixels towards the sketch so much; see `Sketch.pull`. 0 is nothing."""
        return None if self.sketch is None or strength == 0 else self.sketch.pull(strength)

    def laid_over(self, prompts: Sequence[Prompt]) -> Sequence[Prompt]:
        """Returns prompts under the overlay, or where there are none the overlay itself."""
        if self.overlay is None:
            return prompts
        return self.overlay.over_prompts(prompts) or [self.overlay.as_prompt()]


EMPTY = Canvas()


def open_canvas(
    init: PictureSource | None, overlay: PictureSource | None, pictures: PictureSettings
) -> Canvas:
    """Reads what is named; see `open_sketch` and `open_overlay`.

    Raises:
      UsageError: one is no picture and names none.
      ImageError: one cannot be read.
    """
    return Canvas(
        None if init is None else open_sketch(init, pictures),
        None if overlay is None else open_overlay(overlay, pictures),
    )


def followed(settings: DrawingSettings, canvas: Canvas) -> tuple[DrawingSettings, Canvas]:
    """Returns both as they are where a strength of 0 is no sketch at all.

    Raises:
      UsageError: there is a strength, and no sketch.
    """
    is_named = any(frame.init_strength is not None for frame in frames_of(settings, 0))
    if is_named and canvas.sketch is None:
        raise UsageError("init_strength needs a sketch to follow, by --init")
    if settings.init_strength != 0:
        return settings, canvas
    return dataclasses.replace(settings, init_strength=None), canvas._replace(sketch=None)
