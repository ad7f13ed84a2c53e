"""A drawing under way: its pictures after each pixel, batch by batch, and the best of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import numpy as np

from pixace.drawing.drawn import Drawing
from pixace.drawing.guidance import Words
from pixace.drawing.sampler import Sampler, complete
from pixace.settings.drawing import DrawingSettings


@dataclasses.dataclass(frozen=True, eq=False)
class DrawingStep:
    """A drawing under way, after one more pixel of each picture of a batch of B.

    Attributes:
      places: int (B, 3), row, column and number among the tile's candidates of each picture.
      tokens: int32 (B, t), its pixels so far, those of the prompt included.
      log_likelihood: float64 (B,), ln p in nats of those that were drawn.
      n_done: pixels drawn so far of one picture of each batch, all batches together.
      n_total: pixels to draw, likewise.
      drawing: all that has been drawn, with the last step; None before.
      merit: float64 (B,), what the best of some candidates has most of; None is their likelihood.
    """

    places: np.ndarray
    tokens: np.ndarray
    log_likelihood: np.ndarray
    n_done: int
    n_total: int
    drawing: Drawing | None = None
    merit: np.ndarray | None = None


class BestPictures:
    """The best of the candidates that have been drawn for each of N x C tiles.

    Args:
      n_rows: N.
      n_columns: C.
      n_pixels: L, of a whole picture.
    """

    def __init__(self, n_rows: int, n_columns: int, n_pixels: int) -> None:
        self._tokens = np.zeros((n_rows, n_columns, n_pixels), np.int32)
        self.log_likelihood = np.zeros((n_rows, n_columns))
        self._merit = np.zeros((n_rows, n_columns))

    @property
    def columns(self) -> tuple[np.ndarray, ...]:
        """C arrays of int32 tokens (N, L)."""
        return tuple(np.moveaxis(self._tokens, 1, 0))

    def add(self, step: DrawingStep) -> None:
        """Keeps those whole pictures of a step that are the best so far; of equals, the first.

        The candidates of a tile have to come in order.
        """
        if step.tokens.shape[1] < self._tokens.shape[2]:
            return
        merits = step.log_likelihood if step.merit is None else step.merit
        for (row, column, candidate), picture, nats, merit in zip(
            step.places, step.tokens, step.log_likelihood, merits, strict=True
        ):
            if candidate == 0 or merit > self._merit[row, column]:
                self._tokens[row, column] = picture
                self.log_likelihood[row, column] = nats
                self._merit[row, column] = merit


def whole_prompts(prompts: np.ndarray, n_columns: int) -> DrawingStep:
    """Returns the only step of a drawing that keeps all pixels, int32 tokens (N, L), of prompts."""
    places = np.argwhere(np.ones((len(prompts), n_columns, 1)))
    return DrawingStep(places, prompts[places[:, 0]], np.zeros(len(places)), 0, 0)


def drawing_steps(
    sampler: Sampler,
    settings: DrawingSettings,
    n_rows: int,
    kept: np.ndarray | None,
    n_pixels: int,
    tile: tuple[int, int] | None = None,
    words: Words | None = None,
) -> Iterator[DrawingStep]:
    """Draws all candidates for every tile in batches, and yields a step for each pixel of a batch.

    Args:
      sampler: draws as many pictures at a time as it is made for.
      settings: how to draw, with a seed.
      n_rows: N.
      kept: int32 tokens (N, T) that come first, T < L, or None.
      n_pixels: L.
      tile: row and column of the only one to draw, whose places are then row 0, column 0; None
        draws them all. It is drawn in the same batches, as another one might round otherwise.
      words: what is said, to a model that knows words; None says nothing.
    """
    assert settings.seed is not None  # a new one has been chosen where none was named
    shape = (n_rows, len(settings.columns), settings.best_of)
    n_pictures, size = math.prod(shape), sampler.batch_size
    n_kept = 0 if kept is None else kept.shape[1]
    n_steps = n_pixels - n_kept  # of each batch
    wanted = range(n_pictures)
    if tile is not None:
        first = int(np.ravel_multi_index((*tile, 0), shape))
        wanted = range(first, first + settings.best_of)
    starts = range(wanted[0] // size * size, wanted[-1] + 1, size)
    temperatures = np.array([temperature for temperature, _ in settings.columns])
    for number, start in enumerate(starts):
        # Every batch has one size, as another would be compiled anew: the last picture is repeated
        # to fill it. All candidates of a tile come after one another.
        pictures = np.minimum(start + np.arange(size), n_pictures - 1)
        places = np.stack(np.unravel_index(pictures, shape), axis=1)
        own = slice(max(0, wanted[0] - start), wanted[-1] + 1 - start)
        shown = places[own] if tile is None else places[own] - (*tile, 0)
        said = None if words is None else words.said(places[:, 0], places[:, 1], n_rows)
        for tokens, nats in complete(
            sampler,
            None if kept is None else kept[places[:, 0]],
            n_pixels,
            temperatures=temperatures[places[:, 1]],
            seed=settings.seed,
            picture_ids=places,
            guide=None if said is None else said.guide,
        ):
            n_done = number * n_steps + tokens.shape[1] - n_kept
            merit = None
            if said is not None:
                nats, merit = said.judged(nats)
            step = DrawingStep(shown, tokens[own], nats[own], n_done, len(starts) * n_steps)
            yield step if merit is None else dataclasses.replace(step, merit=merit[own])
