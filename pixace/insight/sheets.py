"""The pictures of a training, as a page shows them: each pixel an exact block."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from pixace.checkpoints.folder import picture_path, picture_steps
from pixace.errors import ImageError
from pixace.pictures.reading import read_image
from pixace.pictures.rgb import on_chequers, to_rgba
from pixace.settings.model import ModelConfig
from pixace.settings.pictures import PictureSettings, tile_size

_log = logging.getLogger(__name__)

MAX_SHEETS = 12  # of a kind: a long training has drawn thousands

_MAX_EDGE = 2048  # pixels of a sheet; those of a training are smaller
_ABREAST, _TILE = 4, 128  # pictures of a sheet from left to right, and pixels of each


class Sheet(NamedTuple):
    """Pictures that a training drew after one epoch.

    Attributes:
      step: at its end.
      data: their file, which a browser can show.
      kind: of that file.
      unit: its width where a pixel of it is one of the model's, so that it may be enlarged by whole
        numbers only; None where it is not.
    """

    step: int
    data: bytes
    kind: str
    unit: int | None


def sheets(folder: Path, kind: str, last_step: int, config: ModelConfig | None) -> list[Sheet]:
    """Reads the sheets of a kind, the newest first: all of them, or some of all the training.

    One that cannot be read is named in the log and left out.

    Args:
      folder: the model's.
      kind: "samples", "completions" or "captioned".
      last_step: a training that went back may have left later ones behind.
      config: the model's; None where it is not known.
    """
    steps = [step for step in picture_steps(folder, kind) if step <= last_step]
    found = []
    for step in reversed(_spread(steps)):
        try:
            picture = read_image(picture_path(folder, kind, step), to_rgba)
        except ImageError as error:
            _log.warning("left out a picture: %s", error)
            continue
        exact = None if config is None else _in_own_size(picture, config.pictures)
        found.append(_as_sheet(step, picture, exact))
    return found


def _spread(steps: list[int]) -> list[int]:
    """Returns at most MAX_SHEETS steps, with the first and the last one."""
    if len(steps) <= MAX_SHEETS:
        return steps
    return [steps[round(i * (len(steps) - 1) / (MAX_SHEETS - 1))] for i in range(MAX_SHEETS)]


def _as_sheet(step: int, picture: Image.Image, exact: Image.Image | None) -> Sheet:
    buffer = io.BytesIO()
    if exact is not None:
        exact.save(buffer, "PNG")
        return Sheet(step, buffer.getvalue(), "image/png", exact.width)
    picture.thumbnail((_MAX_EDGE, _MAX_EDGE))
    on_chequers(picture).save(buffer, "WEBP", quality=90)  # a tenth of the PNG
    return Sheet(step, buffer.getvalue(), "image/webp", None)


def _in_own_size(sheet: Image.Image, pictures: PictureSettings) -> Image.Image | None:
    """Returns the pictures of a sheet in the model's size, a transparent pixel between them.

    The sheet's are enlarged by any number, and softly; the middle of each pixel has its colour.

    Returns:
      None where they were not enlarged enough, or where this is no sheet of them alone.
    """
    width, height = tile_size(pictures.size, _TILE)
    small = pictures.width + 2, pictures.height + 2  # with its border
    n_rows = sheet.height // height
    if width < 2 * small[0] or sheet.size != (_ABREAST * width, n_rows * height) or not n_rows:
        return None
    across, down = pictures.width + 1, pictures.height + 1
    result = Image.new("RGBA", (_ABREAST * across - 1, n_rows * down - 1))
    for row in range(n_rows):
        for column in range(_ABREAST):
            box = column * width, row * height, (column + 1) * width, (row + 1) * height
            tile = sheet.resize(small, Image.Resampling.NEAREST, box=box)
            own = on_chequers(tile.crop((1, 1, small[0] - 1, small[1] - 1)))
            result.paste(own, (column * across, row * down))
    return result
