"""Particles: one picture drawn several times side by side, and weighed by what is known of it.

Where pixels are known that come after some to be drawn, drawing one after another does not look
ahead. So K particles are drawn; at each known pixel every one's weight is multiplied by what the
model thinks of that pixel after all that the particle has drawn before it; and where few particles
have most of the weight, they take the places of the others. This is sequential Monte Carlo (Doucet
and Johansen, 2009, "A tutorial on particle filtering and smoothing"), with systematic resampling.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pixace.backend.door import jax, jnp
from pixace.backend.types import Array

FREE = -1  # in the place of a token: a pixel to be drawn


class Known(NamedTuple):
    """What is known of B pictures beyond their first pixels.

    Attributes:
      tokens: int32 (B, L), the pixels that are known, and FREE where they are to be drawn.
      judges: int32 (B,), which of a picture's rows of the model tells how likely a known pixel is.
    """

    tokens: np.ndarray
    judges: np.ndarray


class Given(NamedTuple):
    """The same of the next T pixels, for a compiled step.

    Attributes:
      tokens: int32 (T, B).
      judges: int32 (B,).
      log_weights: float32 (B / K, K), of the particles before them.
    """

    tokens: Array
    judges: Array
    log_weights: Array


def known_next(known: Known, done: int, n_pixels: int, log_weights: Array) -> Given:
    """Returns what is known of so many pixels after those done; beyond the picture, nothing is."""
    tokens = known.tokens[:, done : done + n_pixels]
    missing = n_pixels - tokens.shape[1]
    tokens = np.pad(tokens, ((0, 0), (0, missing)), constant_values=FREE)
    return Given(jnp.asarray(tokens.T), jnp.asarray(known.judges), log_weights)


def weighed(
    log_weights: Array, log_probs: Array, noise: Array, given: Given, i: Array
) -> tuple[Array, Array]:
    """Weighs particles by a pixel, where it was known, and lets some take the places of others.

    Args:
      log_weights: ln of the weights before, float32 (G, K).
      log_probs: ln p of the pixel for each row of the model, float32 (B * R,).
      noise: of the pixel, float32 (B, 2), of which drawing needs none where it is known.
      given: what is known.
      i: the pixel, of those in `given`.

    Returns:
      The row, int32 (B,), whose past each one has from here on; and the weights, float32 (G, K).
    """
    n_pictures, n_particles = log_weights.shape
    of_rows = log_probs.reshape(len(given.judges), -1)
    own = jnp.take_along_axis(of_rows, given.judges[:, None], axis=1).reshape(log_weights.shape)
    is_known = given.tokens[i].reshape(log_weights.shape) != FREE
    log_weights = log_weights + jnp.where(is_known, own, 0)
    places, resampled = _resampled(log_weights, noise[::n_particles, 0])
    same = jnp.arange(n_particles, dtype=jnp.int32)
    firsts = jnp.arange(n_pictures, dtype=jnp.int32)[:, None] * n_particles
    parents = firsts + jnp.where(is_known, places, same)
    return parents.reshape(-1), jnp.where(is_known, resampled, log_weights)


def _resampled(log_weights: Array, noise: Array) -> tuple[Array, Array]:
    """Resamples the particles of those pictures whose effective number of them is below a half.

    Returns:
      Whose place each one takes, of the same picture, int32 (G, K); and ln of weights, of which
      the mean is as before.
    """
    n_particles = log_weights.shape[1]
    shares = jax.nn.softmax(log_weights, axis=1)
    too_few = 1 / jnp.square(shares).sum(axis=1, keepdims=True) < n_particles / 2
    points = (jnp.arange(n_particles) + noise[:, None]) / n_particles
    up_to = jnp.cumsum(shares, axis=1)
    taken = (points[:, :, None] >= up_to[:, None]).sum(axis=2)
    places = jnp.where(too_few, jnp.minimum(taken, n_particles - 1), jnp.arange(n_particles))
    mean = jax.nn.logsumexp(log_weights, axis=1, keepdims=True) - jnp.log(n_particles)
    return places.astype(jnp.int32), jnp.where(too_few, mean, log_weights)


def drawn_by_weight(log_weights: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """Returns one particle of each of G pictures, int (G,).

    Args:
      log_weights: (G, K).
      quantiles: (G,), uniform in [0, 1).
    """
    weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True)).cumsum(axis=1)
    return (weights <= quantiles[:, None] * weights[:, -1:]).sum(axis=1)
