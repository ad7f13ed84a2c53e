"""In which order the pixels of a drawing come: as the model learnt it, or as is best for it."""

from __future__ import annotations

import dataclasses

from pixace.settings.drawing import DrawingSettings
from pixace.settings.model import ModelConfig
from pixace.settings.pictures import ANY, COLUMNS, COLUMNS_REVERSED, REVERSED, ROWS, PictureSettings

# Which order has a side of the picture first.
_BEGINNING_AT = {"top": ROWS, "bottom": REVERSED, "left": COLUMNS, "right": COLUMNS_REVERSED}


def drawn_pictures(config: ModelConfig, drawing: DrawingSettings) -> PictureSettings:
    """Returns what pictures are to a model while it draws.

    One that knows all orders has the side to keep come first, so that all of it is known before
    anything is drawn; but not by columns where it has learnt rows alone, as those are longer.

    Args:
      config: the model's settings.
      drawing: how to draw.
    """
    pictures = config.pictures
    if config.scan != ANY or drawing.keep is None:
        return pictures
    scan = _BEGINNING_AT[drawing.keep.partition(":")[0]]
    is_learnt = scan in (ROWS, REVERSED) or pictures.height == pictures.width
    return dataclasses.replace(pictures, scan=scan) if is_learnt else pictures
