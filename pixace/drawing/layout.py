"""Which results a drawing shows, in which places, and what their files are called."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Sequence
from typing import TypeVar

GRID = "grid"  # what recipes say of a collage that is one

_MOST_ROWS = 8  # of a collage that is no grid, but for those with prompts

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Layout:
    """The results of a drawing: N rows, C columns.

    Attributes:
      n_rows: N.
      n_columns: C.
      tile: row and column, from 0, of the only result that is shown; None shows them all.
      across: how many rows stand side by side in a line of the collage.
    """

    n_rows: int
    n_columns: int
    tile: tuple[int, int] | None = None
    across: int = 1

    @property
    def rows(self) -> range:
        """Which rows are shown."""
        return range(self.n_rows) if self.tile is None else range(self.tile[0], self.tile[0] + 1)

    @property
    def columns(self) -> range:
        """Which columns are shown."""
        return range(self.n_columns) if self.tile is None else range(self.tile[1], self.tile[1] + 1)

    @property
    def n_lines(self) -> int:
        """How many lines the collage has, of rows side by side."""
        return math.ceil(len(self.rows) / self.across)

    def lines(self, rows: Sequence[Sequence[T]], blank: T) -> list[list[T]]:
        """Returns the lines of the collage: rows side by side, in reading order.

        Args:
          rows: what is to stand in those that are shown, equally much in each.
          blank: what fills up the last line.
        """
        n_left = self.n_lines * self.across - len(rows)
        filled = [*rows, *[[blank] * len(rows[0])] * n_left]
        starts = range(0, len(filled), self.across)
        return [[*itertools.chain(*filled[start : start + self.across])] for start in starts]

    def place(self, number: int, n_each: int) -> tuple[int, int]:
        """Returns line and column, from 0, where in the collage the tiles of a row begin.

        Args:
          number: of the row, from 0, among those that are shown.
          n_each: tiles of a row.
        """
        line, position = divmod(number, self.across)
        return line, position * n_each

    @property
    def file_names(self) -> list[list[str]]:
        """What the files of the results shown are called: 001-1.png is the first one's."""
        row_digits, column_digits = max(3, len(str(self.n_rows))), len(str(self.n_columns))
        rows = [f"{row + 1:0{row_digits}}" for row in self.rows]
        columns = [f"{column + 1:0{column_digits}}" for column in self.columns]
        return [[f"{row}-{column}.png" for column in columns] for row in rows]

    @property
    def sheet_shape(self) -> tuple[int, int]:
        """How many frames a sheet of the results has from left to right, and from top to bottom.

        Several columns stay columns; a single one is broken so that the sheet is about square.
        """
        n_results = len(self.rows) * len(self.columns)
        across = len(self.columns) if len(self.columns) > 1 else math.ceil(math.sqrt(n_results))
        return across, math.ceil(n_results / across)


def layout_of(
    n_rows: int,
    n_columns: int,
    picture_size: tuple[int, int],
    *,
    tile: tuple[int, int] | None = None,
    is_grid: bool = False,
    n_more_columns: int = 0,
) -> Layout:
    """Returns the layout of a drawing.

    Args:
      n_rows: how many rows of results there are.
      n_columns: how many columns.
      picture_size: width and height of one.
      tile: see `Layout`.
      is_grid: whether rows stand side by side so that all of them together are about square.
      n_more_columns: how many more the collage shows at the right of each row.
    """
    if not is_grid or tile is not None:
        return Layout(n_rows, n_columns, tile)
    width, height = picture_size
    row_size = ((n_columns + n_more_columns) * width, height)
    return Layout(n_rows, n_columns, across=_rows_across(n_rows, row_size))


def is_grid_usual(n_rows: int, n_prompts: int) -> bool:
    """Returns whether a new drawing's collage is a grid, and not a row below the other."""
    return n_rows > _MOST_ROWS and not n_prompts


@functools.cache
def _rows_across(n_rows: int, row_size: tuple[int, int]) -> int:
    """Returns how many rows stand side by side so that all of them together are about square.

    Args:
      n_rows: how many there are.
      row_size: width and height of one, in any unit.
    """

    def excess(across: int) -> tuple[float, int]:
        ratio = across * row_size[0] / (math.ceil(n_rows / across) * row_size[1])
        return max(ratio, 1 / ratio), -across  # of two that are as good, the wider one

    return min(range(1, n_rows + 1), key=excess)
