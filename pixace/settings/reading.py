"""How the image files of a folder become pictures: settings of the folder, and not of a model."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from pixace.errors import UsageError
from pixace.settings.fields import check_settings, setting, settings_of
from pixace.wording import quoted

FIRST, ALL = "first", "all"  # frames

_GRID = re.compile(r"(\d{1,5})x(\d{1,5})(?:\+(\d{1,5})(?:\+(\d{1,5}))?)?", re.ASCII)


class Cell(NamedTuple):
    """One cell of a sheet.

    Attributes:
      row: its number, from 1.
      column: its number, from 1.
      box: its left, upper, right and lower edge in pixels.
    """

    row: int
    column: int
    box: tuple[int, int, int, int]


class Grid(NamedTuple):
    """Cells of one size side by side, as Tiled counts them.

    Attributes:
      width: of a cell, in pixels.
      height: of a cell.
      margin: pixels before the first row and column.
      spacing: pixels between two cells.
    """

    width: int
    height: int
    margin: int = 0
    spacing: int = 0

    @classmethod
    def of(cls, words: str) -> Grid:
        """Returns what such words as 16x16+1+2 mean: cell, margin and spacing.

        Raises:
          UsageError: they mean none.
        """
        match = _GRID.fullmatch(words) if isinstance(words, str) else None
        if match is None or not (int(match[1]) and int(match[2])):
            raise UsageError(
                f"grid must be the width and height of a cell such as 16x16, or 16x16+1+2 with "
                f"margin and spacing, not {quoted(words)}"
            )
        return cls(*(int(number or 0) for number in match.groups()))

    def shape(self, size: tuple[int, int]) -> tuple[int, int]:
        """Returns how many rows and columns of whole cells a sheet of this width and height has."""
        columns, rows = (
            max(0, (length - self.margin + self.spacing) // (edge + self.spacing))
            for length, edge in zip(size, self[:2], strict=True)
        )
        return rows, columns

    def divides(self, size: tuple[int, int]) -> bool:
        """Returns whether no pixels are left over on the right and below, but margin or spacing."""
        return all(
            (length - self.margin + self.spacing) % (edge + self.spacing)
            in (0, self.margin, self.spacing, self.margin + self.spacing)
            for length, edge in zip(size, self[:2], strict=True)
        )

    def cells(self, size: tuple[int, int]) -> Iterator[Cell]:
        """Yields the whole cells of a sheet of this width and height, row by row."""
        rows, columns = self.shape(size)
        for row in range(rows):
            top = self.margin + row * (self.height + self.spacing)
            for column in range(columns):
                left = self.margin + column * (self.width + self.spacing)
                box = (left, top, left + self.width, top + self.height)
                yield Cell(row + 1, column + 1, box)


@dataclasses.dataclass(frozen=True)
class ReadingSettings:
    """How the image files of a folder become pictures.

    Raises:
      UsageError: a value of the wrong type, or none of those that it may be.
    """

    grid: str | None = setting(
        None,
        "Cut each image into cells of this width and height: 16x16, or 16x16+1+2 with a margin of "
        "1 and a spacing of 2 pixels. Cells of one colour, or all transparent, are left out.",
    )
    frames: str = setting(
        FIRST,
        "Frames to take of an animated GIF, PNG or WebP: the first, or all.",
        choices=(FIRST, ALL),
    )
    unscale: bool = setting(
        False, "Take back exactly what was made larger by whole blocks, as pixel art often is."
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if self.grid is not None:
            Grid.of(self.grid)

    def unusual(self) -> dict[str, Any]:
        """Returns those of the settings above that are not as by default, as plain JSON values."""
        values = {about.name: getattr(self, about.name) for about in settings_of(ReadingSettings)}
        usual = {about.name: about.default for about in settings_of(ReadingSettings)}
        return {name: value for name, value in values.items() if value != usual[name]}


ONE_EACH = ReadingSettings()  # by default, each file is one picture
