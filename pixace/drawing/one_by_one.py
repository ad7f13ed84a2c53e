"""One pixel a call: many calls in one compiled step, in which the memory is updated in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pixace.backend.door import jax, jnp
from pixace.backend.types import Array, ArrayTree, Key
from pixace.drawing.copying import with_copies
from pixace.drawing.noise import pixel_noise
from pixace.drawing.particles import FREE, Given, weighed
from pixace.models.memory import in_place_of

PIXELS_PER_CALL = 32  # few enough to be watched live


class NextPixels(NamedTuple):
    """The next pixel of each of B pictures.

    Attributes:
      tokens: int32 (B,).
      log_probs: float32 (B * R,), their ln p under the model.
      parents: int32 (B,), in whose place each picture is from here on, with this pixel and all
        before it; None where all is drawn.
      log_weights: float32 (B / K, K), ln of the particles' weights; None where all is drawn.
    """

    tokens: np.ndarray
    log_probs: np.ndarray
    parents: np.ndarray | None = None
    log_weights: np.ndarray | None = None


class Start(NamedTuple):
    """What the next pixels are drawn after.

    Attributes:
      memory: the model's.
      last: token of each row, int32 (B * R, 1).
      so_far: all tokens of the pictures, int32 (B, L); None where none is copied.
    """

    memory: ArrayTree
    last: Array
    so_far: Array | None


def drawn_one_by_one(
    start: Start,
    keys: Key,
    done: Array,
    count: Array,
    given: Given | None,
    places: Array | None,
    costs: Array | None,
    forward: Callable[[ArrayTree, Array], tuple[Array, ArrayTree]],
    choose: Callable[[Array, Array, Array | None], Array],
) -> tuple[Start, list[Array]]:
    """Draws `count` pixels one after another.

    Args:
      start: the model's memory, and what has been drawn.
      keys: uint32 (B, 2), one per picture.
      done: pixels there already.
      count: up to `PIXELS_PER_CALL`.
      given: what is known of these pixels; None where all is drawn.
      places: from which place of the picture each is copied, int32 (PIXELS_PER_CALL,), or
        DRAWN; None where none is.
      costs: what to take from their logits before one is drawn, float32 (PIXELS_PER_CALL, V);
        None where nothing pulls.
      forward: from memory and tokens (B * R, 1) to logits (B * R, 1, V) and the memory after them.
      choose: draws a pixel for each picture, int32 (B,), by logits (B * R, V), noise (B, 2), and
        costs (V,).

    Returns:
      What `start` is for the next call, and what `NextPixels` has of each pixel, of all of
      which the first `count` of PIXELS_PER_CALL are set.
    """
    noise = pixel_noise(keys, done + jnp.arange(PIXELS_PER_CALL))
    n_rows = len(start.last) // len(keys)

    def draw(i: Array, carry: ArrayTree) -> ArrayTree:
        (memory, last, so_far), log_weights, drawn = carry
        logits, memory = forward(memory, last)
        logits = logits[:, -1]
        choice = choose(logits, noise[i], None if costs is None else costs[i])
        if given is not None:
            choice = jnp.where(given.tokens[i] == FREE, choice, given.tokens[i])
        if places is not None:
            choice, so_far = with_copies(choice, so_far, done + i, places[i])
        fed = (choice if n_rows == 1 else jnp.repeat(choice, n_rows))[:, None]
        chosen = jnp.take_along_axis(logits, fed, axis=-1)[:, 0]
        pixels: tuple[Array, ...] = choice, chosen - jax.nn.logsumexp(logits, axis=-1)
        if given is not None:
            parents, log_weights = weighed(log_weights, pixels[1], noise[i], given, i)
            memory = in_place_of(memory, parents, n_rows)
            so_far = jax.tree.map(lambda tokens: tokens[parents], so_far)
            pixels = (*pixels, parents, log_weights)
        drawn = [all_.at[i].set(one) for all_, one in zip(drawn, pixels, strict=True)]
        return Start(memory, fed, so_far), log_weights, drawn

    log_weights = None if given is None else given.log_weights
    drawn = _unset(len(keys), len(start.last), log_weights)
    start, _, drawn = jax.lax.fori_loop(0, count, draw, (start, log_weights, drawn))
    return start, drawn


def _unset(n_pictures: int, n_model_rows: int, log_weights: Array | None) -> list[Array]:
    """Returns what `NextPixels` has of each of PIXELS_PER_CALL pixels, before any is drawn."""
    tokens = jnp.zeros((PIXELS_PER_CALL, n_pictures), jnp.int32)
    pixels = [tokens, jnp.zeros((PIXELS_PER_CALL, n_model_rows), jnp.float32)]
    if log_weights is not None:
        pixels += [tokens, jnp.zeros((PIXELS_PER_CALL, *log_weights.shape), jnp.float32)]
    return pixels
