"""What a picture loses by quantisation: the table "original | HSV 544 | HSV 433 | ..."."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pixace.collage import collage
from pixace.config import check_bitdepth, check_colour, require_int
from pixace.errors import ImageError, UsageError, shown
from pixace.images import find_images, open_image, resize
from pixace.tokens import image_to_tokens, tokens_to_image

_log = logging.getLogger(__name__)

MAX_IMAGES = 100
MAX_BITDEPTHS = 20
MIN_SCALE = 64  # below that the headings cannot be read

_TITLE_EMS = 10  # a tile is this many letters' heights wide, so that each line of a title fits

# sRGB (IEC 61966-2-1): linear RGB to CIE XYZ, and XYZ of its white, D65.
_XYZ = np.array(
    [
        [0.4124, 0.3576, 0.1805],
        [0.2126, 0.7152, 0.0722],
        [0.0193, 0.1192, 0.9505],
    ]
)
_WHITE = _XYZ.sum(axis=1)


@dataclasses.dataclass(frozen=True)
class QuantisationTable:
    """Pictures, and what is left of them with various numbers of bits.

    Attributes:
      bitdepths: bits of hue, saturation and value, for each column after the first.
      rows: the original at the model's size, then its quantised versions; N rows.
      errors: for each bitdepth, the colour error over all pixels of the N pictures (see
        `colour_error`).
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
    rows = [[image, *(_quantised(image, bits) for bits in checked)] for image in originals]
    columns = [np.stack(column) for column in zip(*rows, strict=True)]
    errors = [colour_error(columns[0], column) for column in columns[1:]]
    return QuantisationTable(checked, rows, errors)


def colour_error(pixels: np.ndarray, others: np.ndarray) -> float:
    """Returns the mean colour difference of two equally large sets of pixels.

    It is the distance in the colour space CIELAB (CIE 1976, "Delta E*ab"; ISO/CIE 11664-4), of sRGB
    under its own white, averaged over the pixels. Black and white are 100 apart; about 2 can just
    be told apart side by side.

    Args:
      pixels: uint8 sRGB of shape (..., 3).
      others: the same.
    """
    return float(np.linalg.norm(_lab(pixels) - _lab(others), axis=-1).mean())


def _lab(pixels: np.ndarray) -> np.ndarray:
    """Converts uint8 sRGB of shape (..., 3) to float64 CIELAB of the same shape."""
    encoded = pixels / 255.0
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    relative = linear @ _XYZ.T / _WHITE
    bent = np.where(
        relative > (6 / 29) ** 3, np.cbrt(relative), relative / (3 * (6 / 29) ** 2) + 4 / 29
    )
    x, y, z = bent[..., 0], bent[..., 1], bent[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


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
    for path in paths.select(np.linspace(0, len(paths), count, endpoint=False).astype(int)):
        try:
            originals.append(resize(open_image(path, background), image_size))
        except ImageError as error:
            _log.warning("skipped %s", error)
    if not originals:
        raise ImageError(f"{shown(folder)}: none of {count} image files can be read")
    return originals


def _quantised(image: Image.Image, bitdepth: Sequence[int]) -> Image.Image:
    """Returns what a model of this bitdepth would see of a picture of its size."""
    return tokens_to_image(image_to_tokens(image, image.width, bitdepth), bitdepth)
