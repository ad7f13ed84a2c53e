"""A drawing while it is drawn, as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from pixace.drawing.prompts import Prompt
from pixace.settings.pictures import PictureSettings
from pixace.tokens.tiles import picture_of, recoloured
from pixace.tokens.vocabulary import PAD_ID

if TYPE_CHECKING:
    from pixace.drawing.stream import DrawingStep  # which needs JAX


class LiveView:
    """The pictures of a drawing so far: of several candidates, the one that is being drawn.

    Args:
      settings: of the model's pictures.
      prompts: what is completed, if anything, under an overlay, or the overlay.
      palette: see `DrawingSettings.palette`.
      first_row: that of the drawing which steps call row 0.

    Attributes:
      n_done: see `DrawingStep`.
      n_total: see there.
    """

    def __init__(
        self,
        settings: PictureSettings,
        prompts: Sequence[Prompt] = (),
        palette: str | None = None,
        first_row: int = 0,
    ) -> None:
        self.n_done, self.n_total = 0, 0
        self._settings = settings
        self._palette = palette
        self._first_row = first_row
        self._kept = [np.where(prompt.kept, prompt.tokens, PAD_ID) for prompt in prompts]
        self._tokens: dict[tuple[int, int], np.ndarray] = {}

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the pictures that have begun."""
        numbers = (len({*each}) for each in zip(*self._tokens, strict=True))
        n_rows, n_columns = numbers
        return n_rows, n_columns

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of each picture."""
        return self._settings.size

    def add(self, step: DrawingStep) -> None:
        """Takes note of a step."""
        self.n_done, self.n_total = step.n_done, step.n_total
        # Backwards, so that the first of several candidates is the one that stays.
        for (row, column, _), tokens in zip(step.places[::-1], step.tokens[::-1], strict=True):
            self._tokens[row, column] = tokens

    def pictures(self, most: int) -> list[Image.Image]:
        """Returns the last pictures of those that have begun, in their places' order.

        What is still to be drawn is black.

        Args:
          most: so many at most.
        """
        places = sorted(self._tokens)[-most:]
        pictures = [
            picture_of(self._whole(row, self._tokens[row, column]), self._settings)
            for row, column in places
        ]
        return pictures if self._palette is None else recoloured([pictures], self._palette)[0]

    def _whole(self, row: int, tokens: np.ndarray) -> np.ndarray:
        """Returns the tokens of a whole picture: those so far, what is kept, and pads."""
        whole = np.full(self._settings.n_pixels, PAD_ID, np.int32)
        if self._kept:
            whole[:] = self._kept[(self._first_row + row) % len(self._kept)]
        whole[: len(tokens)] = tokens
        return whole
