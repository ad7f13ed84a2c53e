"""A drawing under way: its pictures after each pixel, batch by batch, and the best of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np

from pixace.drawing.completing import complete
from pixace.drawing.drawn import Drawing
from pixace.drawing.guidance import Words
from pixace.drawing.particles import FREE, Known, drawn_by_weight
from pixace.drawing.pull import Pull
from pixace.drawing.sampler import Sampler
from pixace.settings.drawing import DrawingSettings


@dataclasses.dataclass(frozen=True, eq=False)
class DrawingStep:
    """A drawing under way, after one more pixel of each picture of a batch of B.

    Attributes:
      places: int (B, 3), row, column and number among the tile's candidates of each picture.
      tokens: int32 (B, t), its pixels so far, those of the prompt included.
      log_likelihood: float64 (B,), ln p in nats of those that were drawn.
      of_known: float64 (B,), of those that were known and came after some that were drawn.
      log_probs: float32 (B, t), ln p of each pixel, and 0 of copies and of those known at first.
      n_done: pixels drawn so far of one picture of each batch, all batches together.
      n_total: pixels to draw, likewise.
      drawing: all that has been drawn, with the last step; None before.
      merit: float64 (B,), what the best of some candidates has most of; None is their likelihood.
    """

    places: np.ndarray
    tokens: np.ndarray
    log_likelihood: np.ndarray
    of_known: np.ndarray
    log_probs: np.ndarray
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
        self.of_known = np.zeros((n_rows, n_columns))
        self.log_probs = np.zeros((n_rows, n_columns, n_pixels), np.float32)
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
        for number, ((row, column, candidate), merit) in enumerate(
            zip(step.places, merits, strict=True)
        ):
            if candidate == 0 or merit > self._merit[row, column]:
                self._tokens[row, column] = step.tokens[number]
                self.log_likelihood[row, column] = step.log_likelihood[number]
                self.of_known[row, column] = step.of_known[number]
                self.log_probs[row, column] = step.log_probs[number]
                self._merit[row, column] = merit


def known_pixels(pictures: Sequence[np.ndarray], kept: np.ndarray, n_rows: int) -> np.ndarray:
    """Returns what is known of each of N rows, int32 (N, L): its token, or FREE.

    Args:
      pictures: int32 (L,) each, of which all rows in turn are; none where nothing is kept.
      kept: bool (L,), which of their pixels are known.
      n_rows: N.
    """
    nothing = np.full(len(kept), FREE, np.int32)
    known = [np.where(kept, picture, nothing) for picture in pictures] or [nothing]
    return np.tile(np.stack(known), (n_rows // len(known), 1))


def whole_prompts(prompts: np.ndarray, n_columns: int) -> DrawingStep:
    """Returns the only step of a drawing that keeps all pixels, int32 tokens (N, L), of prompts."""
    places = np.argwhere(np.ones((len(prompts), n_columns, 1)))
    tokens, nothing = prompts[places[:, 0]], np.zeros(len(places))
    return DrawingStep(places, tokens, nothing, nothing, np.zeros(tokens.shape, np.float32), 0, 0)


def drawing_steps(
    sampler: Sampler,
    settings: DrawingSettings,
    known: np.ndarray,
    tile: tuple[int, int] | None = None,
    words: Words | None = None,
    copied: np.ndarray | None = None,
    pull: Pull | None = None,
) -> Iterator[DrawingStep]:
    """Draws all candidates for every tile in batches, and yields a step for each pixel of a batch.

    Args:
      sampler: draws as many pictures at a time as it is made for.
      settings: how to draw, with a seed.
      known: int32 (N, L), the tokens that are known of each row, and FREE where they are to be
        drawn: the same ones of all rows, and some.
      tile: row and column of the only one to draw, whose places are then row 0, column 0; None
        draws them all. It is drawn in the same batches, as another one might round otherwise.
      words: what is said, to a model that knows words; None says nothing.
      copied: see `complete`.
      pull: what pulls every picture; None does not.
    """
    n_rows, n_pixels = known.shape
    shape = (n_rows, len(settings.columns), settings.best_of)
    n_pictures, size = math.prod(shape), sampler.batch_size // sampler.n_particles
    n_kept = int((known == FREE).any(axis=0).argmax())  # of the first pixels
    n_steps = n_pixels - n_kept  # of each batch
    wanted = range(n_pictures)
    if tile is not None:
        first = int(np.ravel_multi_index((*tile, 0), shape))
        wanted = range(first, first + settings.best_of)
    starts = range(wanted[0] // size * size, wanted[-1] + 1, size)
    for number, start in enumerate(starts):
        # Every batch has one size, as another would be compiled anew: the last picture is repeated
        # to fill it. All candidates of a tile come after one another.
        pictures = np.minimum(start + np.arange(size), n_pictures - 1)
        places = np.stack(np.unravel_index(pictures, shape), axis=1)
        own = slice(max(0, wanted[0] - start), wanted[-1] + 1 - start)
        shown = places[own] if tile is None else places[own] - (*tile, 0)
        for step in _batch_steps(sampler, settings, places, known, n_kept, words, copied, pull):
            yield dataclasses.replace(
                step,
                places=shown,
                tokens=step.tokens[own],
                log_likelihood=step.log_likelihood[own],
                of_known=step.of_known[own],
                log_probs=step.log_probs[own],
                n_done=number * n_steps + step.n_done,
                n_total=len(starts) * n_steps,
                merit=None if step.merit is None else step.merit[own],
            )


def _batch_steps(
    sampler: Sampler,
    settings: DrawingSettings,
    places: np.ndarray,
    known: np.ndarray,
    n_kept: int,
    words: Words | None,
    copied: np.ndarray | None,
    pull: Pull | None,
) -> Iterator[DrawingStep]:
    """Draws one batch of B pictures; see `drawing_steps`.

    Args:
      sampler: see there.
      settings: see there.
      places: int (B, 3).
      known: see there.
      n_kept: how many of the first pixels are known.
      words: see there.
      copied: see there.
      pull: see there.
    """
    assert settings.seed is not None  # a new one has been chosen where none was named
    n_particles = sampler.n_particles
    temperatures = np.array([temperature for temperature, _ in settings.columns])
    each = np.repeat(places, n_particles, axis=0)
    ids = each
    if n_particles > 1:
        ids = np.column_stack([each, np.arange(len(each)) % n_particles])
    said = None if words is None else words.said(each[:, 0], each[:, 1], len(known))
    tokens = known[each[:, 0]]
    judges = np.zeros(len(each), np.int32) if said is None else said.judges.astype(np.int32)
    has_more = (tokens[0, n_kept:] != FREE).any()  # that is known
    quantiles = [np.random.default_rng([settings.seed, *place]).random() for place in places]
    for state in complete(
        sampler,
        tokens[:, :n_kept] if n_kept else None,
        tokens.shape[1],
        temperatures=temperatures[each[:, 1]],
        seed=settings.seed,
        picture_ids=ids,
        guide=None if said is None else said.guide,
        known=Known(tokens, judges) if has_more else None,
        copied=copied,
        pull=pull,
    ):
        chosen = np.arange(len(places)) * n_particles
        if state.log_weights is not None:
            chosen = chosen + drawn_by_weight(state.log_weights, np.array(quantiles))
        nats, of_known, merit = state.log_likelihood, state.of_known, None
        log_probs = state.log_probs[chosen, judges[chosen]]
        if said is not None:
            nats, merit = said.judged(nats)
            of_known, _ = said.judged(of_known)
        if merit is None and has_more:
            merit = of_known
        yield DrawingStep(
            places, state.tokens[chosen], nats[chosen], of_known[chosen], log_probs,
            state.tokens.shape[1] - n_kept, 0, merit=None if merit is None else merit[chosen],
        )  # fmt: skip
