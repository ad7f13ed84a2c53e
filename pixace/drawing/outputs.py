"""The files that a drawing goes into: a collage or single pictures, a sheet of frames, a film."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from pixace.drawing.drawn import Drawing
from pixace.drawing.film import check_film, sweep_layout, write_film, write_sweep
from pixace.drawing.layout import Layout
from pixace.errors import ImageError, UsageError
from pixace.pictures.exact import indexed
from pixace.pictures.labels import label_height
from pixace.pictures.sheet_data import aseprite_data, tiled_data
from pixace.pictures.writing import check_output, write_picture
from pixace.settings.checks import require_path
from pixace.settings.drawing import DrawingSettings
from pixace.system.files import write_result
from pixace.wording import shown

_COLLAGE = "collage.png"
_TILED = ".tsj"


class SheetFiles(NamedTuple):
    """The two files of a sheet: its picture, and what says where its frames are."""

    picture: Path
    data: Path


@dataclasses.dataclass(frozen=True)
class Outputs:
    """Files to write a drawing into, each of them None where it is not wanted.

    Attributes:
      collage: the picture of them all.
      folder: where each result becomes a PNG of its own.
      sheet: frames side by side, and the file that describes them.
      film: the .gif in which the collage appears pixel by pixel.
    """

    collage: Path | None
    folder: Path | None
    sheet: SheetFiles | None
    film: Path | None

    @classmethod
    def named(cls, out: Any, sheet: Any, film: Any) -> Outputs:
        """Takes names as users give them.

        Args:
          out: the file of the collage; a folder that is there, or a name that ends in a slash, for
            single pictures; None is collage.png, or nothing where there is a sheet.
          sheet: a .png, with .json beside it, or a .tsj, with .png beside it; or None.
          film: a .gif, or None.

        Raises:
          UsageError: what is no name of a file, or of no such file.
        """
        if out is None and sheet is None:
            out = _COLLAGE
        collage = folder = None
        if out is not None and _is_folder(out):
            folder = Path(out)
        elif out is not None:
            collage = _as_path("out", out)
        return cls(
            collage=collage,
            folder=folder,
            sheet=None if sheet is None else _sheet(_as_path("sheet", sheet)),
            film=None if film is None else _as_path("film", film),
        )

    @property
    def first(self) -> Path:
        """The collage, the folder or else the sheet, by the name that the user gave it."""
        named = self.collage or self.folder
        if named is not None:
            return named
        assert self.sheet is not None  # one of the three there is
        picture, data = self.sheet
        return data if data.suffix.lower() == _TILED else picture

    def check(
        self,
        layout: Layout,
        drawing: DrawingSettings,
        picture_size: tuple[int, int],
        n_prompt_columns: int,
        n_last_columns: int,
    ) -> None:
        """Checks that all can be written, before hours go into drawing it; makes the folders.

        Args:
          layout: the results.
          drawing: how they are drawn.
          picture_size: width and height of one, as the model has it.
          n_prompt_columns: how many columns of the collage come before the results.
          n_last_columns: and how many after them, which the film does not show.

        Raises:
          UsageError: a name that will not do, or a picture that is too large for its format.
          ImageError: a folder cannot be made or written.
        """
        width, height = drawing.tile_size(picture_size)
        n_columns = n_prompt_columns + len(layout.columns)
        if drawing.sweep is not None and self.film is not None:
            raise UsageError("film and sweep exclude each other; --out=sweep.gif shows a sweep")
        if self._shows_sweep(drawing):
            assert self.collage is not None
            each = sweep_layout(layout, picture_size)
            size = (each.across * width, each.n_lines * height)
            check_film(self.collage, size, len(layout.columns))
        elif self.collage is not None:
            all_width = layout.across * (n_columns + n_last_columns) * width
            line_height = height
            if drawing.labels:
                said = [[words] for words in drawing.said(layout.rows, layout.n_rows)]
                line_height += label_height(layout.lines(said, ""), all_width, height)
            check_output(self.collage, (all_width, layout.n_lines * line_height))
        if self.film is not None:
            check_film(self.film, (layout.across * n_columns * width, layout.n_lines * height))
        times = drawing.times or 1
        frame = (picture_size[0] * times, picture_size[1] * times)
        if self.folder is not None:
            names = self.pictures(layout)
            check_output(names[0], frame)
            for path in names:
                _refuse_old("out", path)
        if self.sheet is not None:
            across, down = layout.sheet_shape
            check_output(self.sheet.picture, (across * frame[0], down * frame[1]), "sheet")
            for path in self.sheet:
                _refuse_old("sheet", path)
        self._refuse_twice(layout)

    def write(self, drawing: Drawing, last_columns: Sequence[np.ndarray]) -> None:
        """Writes all files, of the folder and the sheet either every one or none.

        Args:
          drawing: what was drawn.
          last_columns: int tokens (N, L) that the collage shows at its right.

        Raises:
          UsageError: a file of the folder or of the sheet has come meanwhile.
          ImageError: one cannot be written.
        """
        if self._shows_sweep(drawing.recipe.drawing):
            assert self.collage is not None
            write_sweep(drawing, self.collage)
        elif self.collage is not None:
            background = drawing.recipe.config.background
            write_picture(drawing.collage(last_columns), self.collage, background)
        if self.folder is not None:
            pictures = (picture for row in drawing.pictures() for picture in row)
            files = zip(self.pictures(drawing.recipe.layout), pictures, strict=True)
            _write_new("out", ((path, indexed(picture)) for path, picture in files))
        if self.sheet is not None:
            _write_new("sheet", _sheet_files(drawing, self.sheet))
        if self.film is not None:
            write_film(drawing, self.film, len(last_columns))

    def _shows_sweep(self, drawing: DrawingSettings) -> bool:
        """Returns whether the collage is a film of a sweep."""
        is_gif = self.collage is not None and self.collage.suffix.lower() == ".gif"
        return drawing.sweep is not None and is_gif

    def pictures(self, layout: Layout) -> list[Path]:
        """Returns the files of single pictures, none where there is no folder for them."""
        if self.folder is None:
            return []
        return [self.folder / name for row in layout.file_names for name in row]

    def _refuse_twice(self, layout: Layout) -> None:
        """Checks that no file is named twice.

        Raises:
          UsageError: one is.
        """
        named = [
            *(("out", path) for path in self.pictures(layout)),
            *(("out", path) for path in (self.collage,) if path),
            *(("film", path) for path in (self.film,) if path),
            *(("sheet", path) for path in self.sheet or ()),
        ]
        flags: dict[str, str] = {}
        for flag, path in named:
            other = flags.setdefault(os.path.realpath(path), flag)
            if other != flag:
                raise UsageError(f"{other} and {flag} are both {shown(path)}; name two files")


def _sheet_files(drawing: Drawing, sheet: SheetFiles) -> Iterator[tuple[Path, Image.Image | str]]:
    """Yields the two files of a sheet with what is to be in them."""
    layout = drawing.recipe.layout
    frames = indexed(drawing.sheet())
    across, down = layout.sheet_shape
    size = (frames.width // across, frames.height // down)
    names = [name for row in layout.file_names for name in row]
    yield sheet.picture, frames
    if sheet.data.suffix.lower() == _TILED:
        yield sheet.data, tiled_data(frames, sheet.picture.name, size, sheet.data.stem, len(names))
    else:
        yield sheet.data, aseprite_data(frames, sheet.picture.name, size, names)


def _write_new(flag: str, files: Iterable[tuple[Path, Image.Image | str]]) -> None:
    """Writes files that are not there yet, pictures and texts: all of them, or none.

    Raises:
      UsageError: one has come meanwhile.
      PixaceError: one cannot be written.
    """
    written = []
    try:
        for path, content in files:
            _refuse_old(flag, path)
            written.append(path)
            if isinstance(content, str):
                write_result(path, content.encode())
            else:
                write_picture(content, path)
    except BaseException:
        for path in written:
            with contextlib.suppress(OSError):
                path.unlink()
        raise


def _refuse_old(flag: str, path: Path) -> None:
    """Checks that a file is not there.

    Raises:
      UsageError: it is.
      ImageError: there can be none of that name.
    """
    try:
        os.lstat(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ImageError(f"{shown(path)}: cannot write: {error.strerror}") from None
    raise UsageError(f"{flag} {shown(path)} is there already and is not replaced; name another one")


def _is_folder(name: Any) -> bool:
    """Returns whether the name of an output means a folder.

    Raises:
      UsageError: it ends in a slash, and is a file.
    """
    if not isinstance(name, str | os.PathLike):
        return False
    text = os.fspath(name)
    if os.path.isdir(text):
        return True
    if not isinstance(text, str) or not text.endswith("/"):
        return False
    require_path("out", text)
    if os.path.lexists(text.rstrip("/")):
        raise UsageError(f"out {shown(text)} is no folder; name a new one")
    return True


def _sheet(path: Path) -> SheetFiles:
    """Returns the two files of the sheet of a name.

    Raises:
      UsageError: the suffix is none of a sheet.
    """
    if path.suffix.lower() == _TILED:
        return SheetFiles(path.with_suffix(".png"), path)
    if path.suffix.lower() == ".png":
        return SheetFiles(path, path.with_suffix(".json"))
    raise UsageError(f"sheet must end in .png or {_TILED}, not {shown(path.name)!r}")


def _as_path(name: str, value: Any) -> Path:
    """Returns what names a file as a path; what its suffix must be is told by who writes it.

    Raises:
      UsageError: it is no text.
    """
    if not isinstance(value, str | os.PathLike):
        require_path(name, value)
    return Path(value)
