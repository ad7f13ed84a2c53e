"""The samplers of a stored model, one for each shape of what is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from pixace.drawing.drafts import best_guessing
from pixace.drawing.sampler import Sampler
from pixace.models.stored import StoredModel
from pixace.settings.pictures import PictureSettings


class Samplers:
    """Samplers that are built on first use, and what they have done.

    Args:
      stored: their model.
      drafts: whether they guess pixels.
    """

    def __init__(self, stored: StoredModel, drafts: bool) -> None:
        self._stored = stored
        self._drafts = drafts
        self._made: dict[tuple[Any, ...], Sampler] = {}

    def of(
        self,
        pictures: PictureSettings,
        batch_size: int,
        top_k: int,
        top_p: float,
        n_rows: int,
        n_particles: int,
        n_drawn: int,
    ) -> Sampler:
        """Returns the sampler of this shape.

        Args:
          pictures: to draw.
          batch_size: and what follows: see `Sampler`.
          n_drawn: how many pixels of each picture there are to draw.
        """
        guessing = None
        if self._drafts:
            n_weights = sum(array.size for array in self._stored.weights)
            guessing = best_guessing(pictures.raster, batch_size * n_rows, n_weights, n_drawn)
        key = (batch_size, top_k, top_p, n_rows, n_particles, pictures.n_pixels, guessing)
        if key not in self._made:
            model = self._stored.build("predict", batch_size * n_rows)
            self._made[key] = Sampler(model, *key)
        return self._made[key]

    @property
    def work(self) -> np.ndarray:
        """How many calls of the model there were, and how many pixels they drew, int (2,)."""
        work = [(sampler.n_calls, sampler.n_pixels) for sampler in self._made.values()]
        return np.array(work, int).reshape(-1, 2).sum(axis=0)
