"""Which pictures the image files of a folder hold: one each, frames, or the cells of sheets."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from pixace.errors import ImageError
from pixace.pictures import sheet_frames
from pixace.pictures.folder import (
    ImagePath,
    ImagePaths,
    ImageSource,
    LeftOut,
    Unreadable,
    list_folder,
)
from pixace.pictures.formats.decoding_limits import MAX_ANIMATED_PIXELS, MAX_FRAMES, MAX_PIXELS
from pixace.pictures.formats.suffixes import spelled_counts
from pixace.pictures.pieces import Piece
from pixace.pictures.reading import read_image
from pixace.pictures.rgb import upright
from pixace.pictures.sheet_frames import Described
from pixace.settings.reading import ALL, ONE_EACH, Cell, Grid, ReadingSettings
from pixace.system.threads import in_order
from pixace.wording import shown

_log = logging.getLogger(__name__)

_MAX_CELLS = 1_000_000  # of one sheet
_ANIMATED = ("GIF", "PNG", "WEBP")


NOTHING_USED = Counter[str]()


class FoundPictures(NamedTuple):
    """The pictures of a folder.

    Attributes:
      paths: their own, in the order of the files.
      unreadable: files and frames that were refused.
      n_files: image files that there are.
      n_cut: files that were taken apart.
      n_empty: cells that were left out.
      n_uneven: files that the grid does not divide evenly, so that pixels are left over.
      others: how many other files there are of each suffix.
      left_out: what is no image of the folder's owner.
    """

    paths: ImagePaths
    unreadable: list[Unreadable]
    n_files: int
    n_cut: int
    n_empty: int
    n_uneven: int
    others: dict[str, int]
    left_out: LeftOut

    def not_read(self, used: Counter[str] = NOTHING_USED) -> dict[str, int]:
        """Returns how many other files of each suffix are of no use, the most frequent first.

        Args:
          used: how many of them are, as for captions.
        """
        return dict((Counter(self.others) - used).most_common())

    def tell(self, used: Counter[str] = NOTHING_USED) -> None:
        """Says in the log what was cut, and what is not read; nothing where there is neither.

        Args:
          used: see `not_read`.
        """
        folder = shown(self.paths.source)
        if self.n_cut:
            _log.info(
                "%s: %d of %d image files cut into pictures, %d in all; %d empty cells left out%s",
                folder,
                self.n_cut,
                self.n_files,
                len(self.paths),
                self.n_empty,
                f"; pixels left over in {self.n_uneven}" if self.n_uneven else "",
            )
        if not_read := self.not_read(used):
            _log.info("%s: not read as images: %s", folder, spelled_counts(not_read))
        if left_out := str(self.left_out._replace(hidden=0)):
            _log.info("%s: left out: %s", folder, left_out)


class _Taken(NamedTuple):
    """What one file holds.

    Attributes:
      pieces: its pictures, as `Piece.encoded` spells them; none stands for the whole file.
      refused: what was refused of it.
      n_empty: cells that were left out.
      is_described: whether a JSON beside it says what it holds.
      is_uneven: whether the grid leaves pixels over.
    """

    pieces: list[bytes]
    refused: list[Unreadable]
    n_empty: int = 0
    is_described: bool = False
    is_uneven: bool = False


_WHOLE = _Taken([], [])


def find_pictures(
    folder: ImageSource, reading: ReadingSettings = ONE_EACH, flag: str = "images"
) -> FoundPictures:
    """Lists the pictures of a folder and its sub-folders, or of one file.

    Sheets are cut where a JSON says how, or else by the grid, if there is one. For that they are
    decoded, as what is empty in them shows only then.

    Args:
      folder: the top folder, or a file; or what has been found there before.
      reading: how files become pictures.
      flag: which flag named it.

    Raises:
      UsageError: it has no name, or one that cannot be.
      ImageError: it does not exist, or no picture is in it.
    """
    files, others, left_out = list_folder(folder, flag)
    has_data = sheet_frames.SUFFIX in others or files.source != files.folder
    unreadable: list[Unreadable] = []
    counts = Counter[str]()

    def names() -> Iterator[bytes]:  # one after another, as there may be a million
        for number, taken in enumerate(in_order(partial(_taken, reading, has_data), files)):
            unreadable.extend(taken.refused)
            counts["cut"] += bool(taken.pieces)
            counts["empty"] += taken.n_empty
            counts["described"] += taken.is_described
            counts["uneven"] += taken.is_uneven
            name = files.name(number)
            if taken == _WHOLE:
                yield name
            yield from (b"%s\0%s" % (name, piece) for piece in taken.pieces)

    paths = files
    if reading.grid is not None or reading.frames == ALL or has_data:
        paths = ImagePaths(files.folder, names(), files.source)
    if not paths:
        raise _nothing_in(files, unreadable)
    not_cut = others - Counter({sheet_frames.SUFFIX: counts["described"]})
    return FoundPictures(
        paths,
        unreadable,
        n_files=len(files),
        n_cut=counts["cut"],
        n_empty=counts["empty"],
        n_uneven=counts["uneven"],
        others=dict(not_cut.most_common()),
        left_out=left_out,
    )


def _nothing_in(files: ImagePaths, unreadable: list[Unreadable]) -> ImageError:
    """Returns what is wrong with a folder of which no picture can be taken."""
    reason = "every cell is empty"
    if unreadable:
        reason = f"the first: {shown(unreadable[0].path)}: {unreadable[0].problem}"
    return ImageError(
        f"{shown(files.source)}: no picture can be taken from its {len(files)} image files; "
        f"{reason}"
    )


def _taken(reading: ReadingSettings, has_data: bool, path: ImagePath) -> _Taken:
    """Finds the pictures of one file."""
    assert isinstance(path, Path), "a file is cut once"
    try:
        described = sheet_frames.described_frames(path) if has_data else None
        if described is not None:
            return read_image(path, lambda img: _as_described(path, upright(img), described))
        if reading.frames == ALL:
            frames = read_image(path, lambda img: _frames(path, img))
            if len(frames) > 1:
                return _Taken(frames, [])
        if reading.grid is not None:
            grid = Grid.of(reading.grid)
            return read_image(path, lambda img: _by_grid(path, img, grid))
    except ImageError as error:
        return _Taken([], [Unreadable.because(path, error)])
    return _WHOLE


def _as_described(path: Path, sheet: Image.Image, described: Described) -> _Taken:
    """Cuts a sheet by what a JSON says of it."""
    found = sheet_frames.sheet_frames(path, sheet.size, described)
    refused = [Unreadable(piece, problem) for piece, problem in found.refused]
    return _Taken([piece.encoded() for piece in found.pieces], refused, is_described=True)


def _frames(path: Path, img: Image.Image) -> list[bytes]:
    """Returns the frames of an animation; what is none has one.

    Raises:
      ImageError: there are too many.
    """
    n_frames = getattr(img, "n_frames", 1) if img.format in _ANIMATED else 1
    if n_frames > MAX_FRAMES or n_frames * img.width * img.height > MAX_ANIMATED_PIXELS:
        raise ImageError(
            f"{shown(path)}: {n_frames:,} frames of {img.width}x{img.height} pixels are more than "
            f"the {MAX_FRAMES:,} frames and {MAX_ANIMATED_PIXELS // 10**6} million pixels allowed"
        )
    if n_frames > 1 and img.format == "PNG":
        img.seek(n_frames - 1)  # which only says how many there are
    first = int(getattr(img, "default_image", False))  # for those who show no animations
    frames = range(first, n_frames)
    return [Piece(path, str(frame + 1 - first), frame).encoded() for frame in frames]


def _by_grid(path: Path, img: Image.Image, grid: Grid) -> _Taken:
    """Cuts a sheet into cells; a picture that is one cell stays whole.

    Raises:
      ImageError: it has no cell, or too many, or cannot be decoded in its own size.
    """
    if img.width * img.height > MAX_PIXELS:
        raise ImageError(
            f"{shown(path)}: {img.width}x{img.height} pixels are more than the "
            f"{MAX_PIXELS // 10**6} million allowed of a sheet"
        )
    sheet = upright(img)
    rows, columns = grid.shape(sheet.size)
    if sheet.size == (grid.width, grid.height):
        return _WHOLE
    if not rows * columns:
        raise ImageError(
            f"{shown(path)}: {sheet.width}x{sheet.height} pixels are too few for a cell of "
            f"{grid.width}x{grid.height}"
        )
    if rows * columns > _MAX_CELLS:
        raise ImageError(
            f"{shown(path)}: {rows * columns:,} cells are more than the {_MAX_CELLS:,} allowed"
        )
    pieces = [
        Piece(path, f"{cell.row},{cell.column}", box=cell.box).encoded()
        for cell in _filled(sheet, grid)
    ]
    n_empty = rows * columns - len(pieces)
    return _Taken(pieces, [], n_empty, is_uneven=not grid.divides(sheet.size))


def _filled(sheet: Image.Image, grid: Grid) -> Iterator[Cell]:
    """Yields the cells that are neither transparent nor of one colour."""
    if sheet.has_transparency_data or sheet.mode == "P":
        sheet = sheet.convert("RGBA")
    for cell in grid.cells(sheet.size):
        extremes = sheet.crop(cell.box).getextrema()
        channels = extremes if isinstance(extremes[0], tuple) else [extremes]
        is_transparent = sheet.mode == "RGBA" and channels[-1] == (0, 0)
        if not is_transparent and any(low != high for low, high in channels):
            yield cell
