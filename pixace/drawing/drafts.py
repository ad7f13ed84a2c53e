"""Drafts: several pixels a call, guessed first, and kept as far as they come out as guessed.

One call of the model reads W tokens as fast as it reads one, or nearly. So the next pixels are
guessed, and one call tells what each would be after those before it. The first is right, as all
before it are drawn; each other one is right if the guesses before it were. Where a guess was
wrong, what the call has told of the pixels behind it are their next guesses, which are better: this
is a Jacobi iteration (Song et al., 2021, https://arxiv.org/abs/2002.03629; for autoregressive
models: Wiggers and Hoogeboom, 2020, https://arxiv.org/abs/2002.09928). As the noise belongs to the
pixel's place, the pictures are those that are drawn one pixel a call. Each picture of a batch comes
on at its own pace.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pixace.backend.door import jax, jnp
from pixace.backend.types import Array, ArrayTree
from pixace.drawing.noise import pixel_noise
from pixace.drawing.symmetry import DRAWN
from pixace.models.layers.places import next_places
from pixace.models.memory import at_place
from pixace.tokens.vocabulary import PAD_ID

CALLS = 8  # of the model in one compiled call: few enough to be watched live
# How far a picture may come before the slowest of its batch. Noise and costs are of so many pixels.
SPAN = 128
# Of the pixels to draw, may be lost by drafts: a picture may begin with what is hard to guess.
_CREDIT = 0.02
# Measured, see benchmarks/README.md. Numbers read to draw a picture; with fewer, it is there before
# the larger program is.
_MIN_READ = 5_000_000_000
_MIN_WEIGHTS = 10_000_000  # with fewer, calls of several pixels cost more than follows
# Rows of the model up to so many, how many pixels a call tells of each, and what it costs the type
# that pays most for it.
_WIDTHS = ((1, 16, 3.4), (4, 4, 2.0))


class Draft(NamedTuple):
    """Pictures under way, of L pixels, and what is guessed of the rest of them.

    Attributes:
      memory: the model's, of the tokens drawn and of guesses; at which place, each call sets.
      tokens: int32 (B, L + 1): the start symbol, the pixels drawn, guesses, and behind them pads.
      log_probs: float32 (B * R, L), ln p of the pixels drawn under each row of the model.
      drawn: int32 (B,), how many pixels are.
      guessed: int32 (B,), up to which pixel the guesses come from a call; behind it from sources.
      n_calls: int32 (), of the model.
    """

    memory: ArrayTree
    tokens: Array
    log_probs: Array
    drawn: Array
    guessed: Array
    n_calls: Array

    @classmethod
    def after(cls, tokens: np.ndarray, memory: ArrayTree, n_rows: int, length: int) -> Draft:
        """Returns pictures of L pixels after tokens (B, T), and the memory of those."""
        n_pictures, done = tokens.shape
        begin, rest = (np.full((n_pictures, n), PAD_ID, np.int32) for n in (1, length - done))
        whole = jnp.asarray(np.concatenate([begin, tokens, rest], axis=1))
        drawn, guessed = jnp.full((2, n_pictures), done, jnp.int32)
        log_probs = jnp.zeros((n_pictures * n_rows, length))
        return cls(memory, whole, log_probs, drawn, guessed, jnp.zeros((), jnp.int32))


class Guessing(NamedTuple):
    """How pixels are guessed.

    Attributes:
      width: W, how many a call tells of each picture.
      cost: of such a call, in calls that tell one.
      places: L, the place of the pixel whose token is the first guess of each; -1 is the start
        symbol's.
    """

    width: int
    cost: float
    places: tuple[int, ...]

    @classmethod
    def of(cls, raster: tuple[int, int], width: int, cost: float = 1.0) -> Guessing:
        """Guesses each pixel to be as the one above, or in the first line as the one before.

        Args:
          raster: how many lines pixels come in, and how many of them there are in each.
          width: W; at most L count.
          cost: see there.
        """
        n_pixels, length = raster[0] * raster[1], raster[1]
        places = [place - (1 if place < length else length) for place in range(n_pixels)]
        return cls(min(width, n_pixels), cost, tuple(places))

    def pays(self, n_pixels: int, n_calls: int, n_all: int) -> bool:
        """Returns whether so many calls drew so many pixels about as soon as calls of one would.

        As all calls count, what is lost in the end is at most the credit, a share of the pixels
        that are to be drawn in all, and the last few calls.
        """
        return n_pixels + _CREDIT * n_all >= n_calls * self.cost


def best_guessing(
    raster: tuple[int, int], n_rows: int, n_weights: int, n_drawn: int
) -> Guessing | None:
    """Returns how to guess; None where one pixel a call is no slower.

    Args:
      raster: see `Guessing.of`.
      n_rows: of the model, all pictures together.
      n_weights: numbers that a call of the model reads.
      n_drawn: pixels to draw of each picture.
    """
    if n_weights >= _MIN_WEIGHTS and n_weights * n_drawn >= _MIN_READ:
        for most, width, cost in _WIDTHS:
            if n_rows <= most:
                return Guessing.of(raster, width, cost)
    return None


class Sources(NamedTuple):
    """From which pixels others are guessed, or copied.

    Attributes:
      places: int32 (L,), as those of `Guessing`.
      is_copy: bool (L,), which pixels are no guesses, but have to be copies; None where none is.
    """

    places: Array
    is_copy: Array | None

    @classmethod
    def of(cls, guessing: Guessing, copied: np.ndarray | None) -> Sources:
        """Returns where pixels are guessed from, but for those that are copied."""
        places = np.array(guessing.places, np.int32)
        if copied is None:
            return cls(jnp.asarray(places), None)
        is_copy = copied != DRAWN
        return cls(jnp.asarray(np.where(is_copy, copied, places)), jnp.asarray(is_copy))


def extended(
    draft: Draft,
    width: int,
    limit: Array,
    sources: Sources,
    forward: Callable[[ArrayTree, Array], tuple[Array, ArrayTree]],
    choose: Callable[[Array, Array], Array],
) -> Draft:
    """Draws one pixel more of each picture, and as many behind it as were guessed right.

    Args:
      draft: the pictures.
      width: W, pixels a call.
      limit: how many pixels of a picture may be drawn, at least W.
      sources: of guesses.
      forward: from memory and tokens (B * R, W) to logits (B * R, W, V) and the memory after them.
      choose: from logits and the numbers of their pixels, int32 (B, W), to tokens (B, W).
    """
    memory, tokens, log_probs, drawn, guessed, n_calls = draft
    # No call goes beyond the limit: it reads some tokens before it again.
    first = jnp.minimum(drawn, limit - width)
    places = next_places(first, width)
    from_places = sources.places[places]

    def with_copies(pixels: Array) -> Array:
        if sources.is_copy is None:
            return pixels
        all_copied = _taken(_put(tokens, pixels, first + 1), from_places + 1)
        return jnp.where(sources.is_copy[places], all_copied, pixels)

    there, is_drawn = _taken(tokens, places + 1), places < drawn[:, None]
    # What is not drawn yet is no source: the last pixel drawn is in its place.
    from_drawn = jnp.minimum(from_places, drawn[:, None] - 1)
    first_guesses = _taken(tokens, from_drawn + 1)
    guesses = with_copies(jnp.where(places < guessed[:, None], there, first_guesses))
    read = jnp.concatenate([_taken(tokens, first[:, None]), guesses[:, :-1]], axis=1)
    n_rows = len(log_probs) // len(tokens)
    # One place for all, where there is one picture, is faster.
    of_rows = first[0] if len(first) == 1 else jnp.repeat(first, n_rows)
    logits, memory = forward(at_place(memory, of_rows), jnp.repeat(read, n_rows, axis=0))
    pixels = with_copies(jnp.where(is_drawn, there, choose(logits, places)))
    is_right = is_drawn | (pixels == guesses)
    n_right = 1 + jnp.cumprod(is_right[:, :-1], axis=1).sum(axis=1, dtype=jnp.int32)
    told = _log_probs(logits, jnp.repeat(pixels, n_rows, axis=0))
    starts, keeps = (jnp.repeat(part, n_rows, axis=0) for part in (first, is_drawn))
    before = _taken(log_probs, next_places(starts, width))
    # What was told after guesses from the start symbol alone is worth nothing.
    n_told = jnp.where(drawn > 0, width, n_right)
    return Draft(
        at_place(memory, jnp.zeros_like(n_calls)),  # of one shape, whatever the next call sets
        _put(tokens, pixels, first + 1),
        _put(log_probs, jnp.where(keeps, before, told), starts),
        first + n_right,
        first + n_told,
        n_calls + 1,
    )


def drawn_ahead(
    draft: Draft,
    width: int,
    room: Array,
    sources: Sources,
    keys: Array,
    costs: Array | None,
    forward: Callable[[ArrayTree, Array], tuple[Array, ArrayTree]],
    choose: Callable[[Array, Array, Array | None], Array],
) -> Draft:
    """Draws by up to CALLS calls of the model.

    Args:
      draft: the pictures.
      width: W, pixels a call.
      room: how many pixels the memory holds.
      sources: of guesses.
      keys: uint32 (B, 2), one per picture.
      costs: what to take from the logits of SPAN pixels after those that all pictures have, float32
        (SPAN, V); None where nothing pulls.
      forward: see `extended`.
      choose: draws a pixel for each picture, int32 (B,), by logits (B * R, V), noise (B, 2), and
        costs (B, V).
    """
    base = draft.drawn.min()
    limit = jnp.minimum(room, base + SPAN)
    noise = pixel_noise(keys, base + jnp.arange(SPAN))
    each = jnp.arange(len(keys))[:, None]

    def choose_all(logits: Array, places: Array) -> Array:
        at = places - base  # those before it are drawn already, and need none
        some_costs = None if costs is None else costs[at]
        return jax.vmap(choose, (1, 1, 1), 1)(logits, noise[at, each], some_costs)

    return jax.lax.while_loop(
        lambda now: (now.drawn.min() < limit) & (now.n_calls < draft.n_calls + CALLS),
        lambda now: extended(now, width, limit, sources, forward, choose_all),
        draft,
    )


def _log_probs(logits: Array, tokens: Array) -> Array:
    """Returns ln p of tokens (N, W) by logits (N, W, V)."""
    chosen = jnp.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0]
    return chosen - jax.nn.logsumexp(logits, axis=-1)


def _taken(rows: Array, places: Array) -> Array:
    """Returns what rows (N, L) have at places of their own, int (N, W)."""
    return jnp.take_along_axis(rows, places, axis=1)


def _put(rows: Array, new: Array, starts: Array) -> Array:
    """Returns rows (N, L) with W new numbers each, (N, W), from places (N,) on."""
    return jax.vmap(lambda row, new, at: jax.lax.dynamic_update_slice(row, new, (at,)))(
        rows, new, starts
    )
