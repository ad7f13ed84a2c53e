"""Which results a drawing shows, in which places, and what their files are called."""

from __future__ import annotations

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Layout:
    """The results of a drawing: N rows, C columns.

    Attributes:
      n_rows: N.
      n_columns: C.
      tile: row and column, from 0, of the only result that is shown; None shows them all.
    """

    n_rows: int
    n_columns: int
    tile: tuple[int, int] | None = None

    @property
    def rows(self) -> range:
        """Which rows are shown."""
        return range(self.n_rows) if self.tile is None else range(self.tile[0], self.tile[0] + 1)

    @property
    def columns(self) -> range:
        """Which columns are shown."""
        return range(self.n_columns) if self.tile is None else range(self.tile[1], self.tile[1] + 1)

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
