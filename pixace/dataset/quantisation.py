"""What a picture loses by quantisation: the table "original | HSV 544 | HSV 433 | ..."."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pixace.dataset.palette_finding import settled_colours
from pixace.errors import ImageError, UsageError
from pixace.pictures.collage import collage
from pixace.pictures.colour_error import colour_error
from pixace.pictures.cutting import find_pictures
from pixace.pictures.folder import ImagePath, ImagePaths
from pixace.pictures.many import read_in_order
from pixace.settings.checks import require_int
from pixace.settings.colours import PALETTE
from pixace.settings.paths import local_path
from pixace.settings.pictures import PictureSettings, tile_size
from pixace.settings.reading import ONE_EACH, ReadingSettings
from pixace.tokens.codec import Codec, codec_of
from pixace.tokens.palette_names import colours_named
from pixace.tokens.reading import pixels_of_file
from pixace.wording import shown

_log = logging.getLogger(__name__)

MAX_IMAGES = 100
MAX_COLUMNS = 20
MIN_SCALE = 64  # below that the headings cannot be read

_LONGEST_NAME = 9  # letters of a palette's name in a title
_TITLE_EMS = 10  # a tile is this many letters' heights wide, so that each line of a title fits


@dataclasses.dataclass(frozen=True)
class QuantisationTable:
    """Pictures, and what is left of them in various codecs.

    Attributes:
      names: what the user calls the colours of each column after the first.
      codecs: their codecs.
      rows: the original at the model's size, then its quantised versions; N rows.
      errors: for each codec, `colour_error` over all pixels of the N pictures.
    """

    names: list[str]
    codecs: list[Codec]
    rows: list[list[Image.Image]]
    errors: list[float]

    def size(self, scale: int) -> tuple[int, int]:
        """Returns width and height of `picture(scale)`."""
        _, height = tile_size(self.rows[0][0].size, scale)
        return len(self.rows[0]) * scale, len(self.rows) * height + 3 * (scale // _TITLE_EMS)

    def picture(self, scale: int) -> Image.Image:
        """Returns the table as one picture with headings, RGB or RGBA as its pictures are.

        Args:
          scale: longer edge of one tile in pixels, and width of a column.
        """
        size = scale // _TITLE_EMS
        table = Image.new(self.rows[0][0].mode, self.size(scale), "white")
        margin = (scale - tile_size(self.rows[0][0].size, scale)[0]) // 2
        for number, column in enumerate(zip(*self.rows, strict=True)):
            tiles = collage([[tile] for tile in column], scale)
            table.paste(tiles, (number * scale + margin, 3 * size))
        pen = ImageDraw.Draw(table)
        titles = ["original\ncolour error:"]
        for name, error in zip(self.names, self.errors, strict=True):
            titles.append(f"{_title(name)}\n{error:.2f}")
        for number, title in enumerate(titles):
            centre = ((number + 0.5) * scale, 1.5 * size)
            font = ImageFont.load_default(size)
            pen.multiline_text(centre, title, "black", font, anchor="mm", align="center")
        return table


def quantisation_table(
    folder: Path | str,
    pictures: PictureSettings,
    colours: Sequence[str],
    *,
    n_images: int = 8,
    reading: ReadingSettings = ONE_EACH,
) -> QuantisationTable:
    """Quantises pictures from all over a folder with each of several codecs.

    Args:
      folder: the top folder, or an image file; what cannot be read is named and left out.
      pictures: shape to which the pictures are scaled first, and their background.
      colours: those of each column, as users name them; at most MAX_COLUMNS. An open palette is
        found in all images of the folder.
      n_images: how many pictures to show, up to MAX_IMAGES; fewer where there are fewer.
      reading: how files become pictures; by default each is one.

    Raises:
      UsageError: a setting is out of range, or a palette's file cannot be read.
      ImageError: no such folder, no image in it, or none that can be read.
    """
    require_int("n_images", n_images, 1, MAX_IMAGES)
    if not 1 <= len(colours) <= MAX_COLUMNS:
        raise UsageError(f"name 1 to {MAX_COLUMNS} bitdepths and colours, not {len(colours)}")
    folder = local_path("images", folder)
    named = [colours_named(each) for each in colours]  # what is wrong with one is found at once
    found = find_pictures(folder, reading)
    found.tell()
    paths = found.paths
    pictures = dataclasses.replace(pictures, unscale=reading.unscale)
    codecs = []
    for each in named:
        settled = settled_colours(each, paths, pictures)
        codecs.append(codec_of(dataclasses.replace(pictures, colours=settled)))
    palettes = [each for each in named if each.startswith(PALETTE)]
    if palettes:  # which have a say in how pictures are scaled
        pictures = dataclasses.replace(pictures, colours=palettes[0])
    pixels = [
        [original, *(codec.decode(codec.encode(original)) for codec in codecs)]
        for original in _originals(paths, pictures, n_images)
    ]
    first, *others = (np.stack(column) for column in zip(*pixels, strict=True))
    errors = [colour_error(first, other) for other in others]
    return QuantisationTable(
        list(colours), codecs, [[*map(Image.fromarray, row)] for row in pixels], errors
    )


def _title(name: str) -> str:
    """Returns what stands above a column, in as many letters as fit."""
    kind, _, words = name.partition(":")
    if kind == "palette":
        return f"PALETTE {shown(Path(words).name)[-_LONGEST_NAME:]}"
    return f"{kind.upper()} {words.replace(',', '')}"


def _originals(paths: ImagePaths, pictures: PictureSettings, n_images: int) -> list[np.ndarray]:
    """Returns pictures from all over a folder, at even distances, each as uint8 (H, W, C).

    Raises:
      ImageError: none of them can be read.
    """

    def work(_: ImagePath, img: Image.Image) -> np.ndarray:
        return pixels_of_file(img, pictures)

    chosen = paths.spread(n_images)
    originals = []
    for _, pixels in read_in_order(chosen, range(len(chosen)), work, MAX_IMAGES):
        if isinstance(pixels, ImageError):
            _log.warning("skipped %s", pixels)
        else:
            originals.append(pixels)
    if not originals:
        raise ImageError(f"{shown(paths.source)}: none of {len(chosen)} image files can be read")
    return originals
