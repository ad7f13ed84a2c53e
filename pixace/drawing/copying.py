"""Pixels that take the token of one that was drawn before them, inside the compiled step."""

from __future__ import annotations

import numpy as np

from pixace.backend.door import jnp
from pixace.backend.types import Array
from pixace.drawing.symmetry import DRAWN


def tokens_so_far(tokens: np.ndarray, length: int) -> Array:
    """Returns the tokens of B whole pictures, int32 (B, L), of which the first, (B, T), are set."""
    return jnp.asarray(np.pad(tokens, ((0, 0), (0, length - tokens.shape[1]))))


def next_copied(copied: np.ndarray, done: int, n_pixels: int) -> Array:
    """Returns where each of the next T pixels is copied from, int32 (T,), or DRAWN.

    Args:
      copied: the same of all pixels, int32 (L,).
      done: pixels there already.
      n_pixels: T; of those beyond the picture, none is copied.
    """
    places = copied[done : done + n_pixels]
    return jnp.asarray(np.pad(places, (0, n_pixels - len(places)), constant_values=DRAWN))


def with_copies(choice: Array, so_far: Array, pixel: Array, place: Array) -> tuple[Array, Array]:
    """Returns the tokens of a pixel, int32 (B,): those of the place it copies, or else a choice.

    Args:
      choice: int32 (B,), what has been drawn.
      so_far: int32 (B, L), of whole pictures.
      pixel: its number.
      place: from which it is copied, or DRAWN.

    Returns:
      Its tokens, and those of whole pictures with them, int32 (B, L).
    """
    tokens = jnp.where(place == DRAWN, choice, so_far[:, jnp.maximum(place, 0)])
    return tokens, so_far.at[:, pixel].set(tokens)
