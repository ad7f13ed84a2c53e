"""What a picture loses by quantisation: the table "original | HSV 544 | HSV 433 | ..."."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pixace.errors import ImageError, UsageError
from pixace.pictures.collage import collage
from pixace.pictures.colour_error import colour_error
from pixace.pictures.folder import find_images
from pixace.pictures.reading import open_image
from pixace.settings.checks import check_bitdepth, check_colour, require_int
from pixace.tokens import quantised
from pixace.wording import shown

_log = logging.getLogger(__name__)

MAX_IMAGES = 100
MAX_BITDEPTHS = 20
MIN_SCALE = 64  # below that the headings cannot be read

_TITLE_EMS = 10  # a tile is this many letters' heights wide, so that each line of a title fits


@dataclasses.dataclass(frozen=True)
class QuantisationTable:
    """Pictures, and what is left of them with various numbers of bits.

    Attributes:
      bitdepths: bits of hue, saturation and value, for each column after the first.
      rows: the original at the model's size, then its quantised versions; N rows.
      errors: for each bitdepth, `colour_error` over all pixels of the N pictures.
    """

    bitdepths: list[tuple[int, ...]]
    rows: list[list[Image.Image]]
    errors: list[float]

    def size(self, scale: int) -> tuple[int, int]:
        """Returns width and height of `picture(scale)`."""
        return len(self.rows[0]) * scale, len(self.rows) * scale + 3 * (scale // _TITLE_EMS)

    def picture(self, scale: int) -> Image.Image:
        """Returns the table as one RGB picture with headings.

        Args:
          scale: edge of one tile in pixels.
        """
        size = scale // _TITLE_EMS
        table = Image.new("RGB", self.size(scale), "white")
        table.paste(collage(self.rows, scale), (0, 3 * size))
        pen = ImageDraw.Draw(table)
        titles = ["original\ncolour error:"]
        for bitdepth, error in zip(self.bitdepths, self.errors, strict=True):
            titles.append(f"HSV {''.join(map(str, bitdepth))}\n{error:.2f}")
        for number, title in enumerate(titles):
            centre = ((number + 0.5) * scale, 1.5 * size)
            font = ImageFont.load_default(size)
            pen.multiline_text(centre, title, "black", font, anchor="mm", align="center")
        return table


def quantisation_table(
    folder: Path | str,
    bitdepths: Sequence[Sequence[int]],
    image_size: int = 32,
    *,
    n_images: int = 8,
    background: str = "black",
) -> QuantisationTable:
    """Quantises pictures from all over a folder with each of several bitdepths.

    Args:
      folder: the top folder of the images; a file that cannot be read is named and left out.
      bitdepths: bits of hue, saturation and value, for each column; at most MAX_BITDEPTHS.
      image_size: edge in pixels to which the pictures are scaled first.
      n_images: how many pictures to show, up to MAX_IMAGES; fewer where there are fewer.
      background: colour behind transparent pixels.

    Raises:
      UsageError: a setting is out of range.
      ImageError: no such folder, no image in it, or none that can be read.
    """
    require_int("image_size", image_size, 1, 256)
    require_int("n_images", n_images, 1, MAX_IMAGES)
    check_colour(background)
    checked = [check_bitdepth(tuple(bitdepth)) for bitdepth in bitdepths]
    if not 1 <= len(checked) <= MAX_BITDEPTHS:
        raise UsageError(f"name 1 to {MAX_BITDEPTHS} bitdepths, not {len(checked)}")
    originals = _originals(folder, image_size, n_images, background)
    rows = [
        [image, *(quantised(image, image_size, bits) for bits in checked)] for image in originals
    ]
    columns = [np.stack(column) for column in zip(*rows, strict=True)]
    errors = [colour_error(columns[0], column) for column in columns[1:]]
    return QuantisationTable(checked, rows, errors)


def _originals(
    folder: Path | str, image_size: int, n_images: int, background: str
) -> list[Image.Image]:
    """Returns pictures from all over a folder, at even distances, in the model's size.

    Raises:
      ImageError: no such folder, no image in it, or none that can be read.
    """
    paths = find_images(folder)
    count = min(n_images, len(paths))
    originals = []
    for path in paths.spread(count):
        try:
            originals.append(open_image(path, background, size=image_size))
        except ImageError as error:
            _log.warning("skipped %s", error)
    if not originals:
        raise ImageError(f"{shown(folder)}: none of {count} image files can be read")
    return originals
