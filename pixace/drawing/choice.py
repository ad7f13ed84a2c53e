"""From logits to a token: temperature, top-k, top-p, and inversion."""

from __future__ import annotations

from collections.abc import Callable

from pixace.backend.door import jax, jnp
from pixace.backend.types import Array

_EXCLUDED = -1e9  # finite, as differences of infinities would make NaNs
_BLOCK = 128  # tokens summed at once in `_index_at`


def choose(
    logits: Array,
    temperature: Array,
    noise: Array,
    keep: Callable[[Array], Array] = lambda logits: logits,
) -> Array:
    """Draws one token per row from the softmax of logits / temperature.

    Args:
      logits: float32 (B, V).
      temperature: float32 (B, 1); 0 takes the largest logit.
      noise: float32 (B, 2), uniform in [0, 1).
      keep: excludes some of the scaled logits.

    Returns:
      int32 (B,).
    """
    hot = temperature > 0
    # Below the largest, and bounded: a tiny temperature must not reach what is excluded.
    below = logits - logits.max(axis=-1, keepdims=True)
    scores = keep(jnp.maximum(below / jnp.where(hot, temperature, 1.0), _EXCLUDED / 10))
    # Behind barriers, here and below: XLA computes what it fuses into a running sum once per term.
    drawn = _index_at(jax.lax.optimization_barrier(jnp.exp(scores)), noise)
    return jnp.where(hot[:, 0], drawn, logits.argmax(axis=-1).astype(jnp.int32))


def keep_top_k(logits: Array, k: int) -> Array:
    """Excludes all but the k largest logits of each row, and their equals; 0 excludes none."""
    if not 0 < k < logits.shape[-1]:
        return logits
    smallest_kept = jax.lax.top_k(logits, k)[0][..., -1:]
    return jnp.where(logits < smallest_kept, _EXCLUDED, logits)


def keep_top_p(logits: Array, p: float) -> Array:
    """Excludes all but the fewest largest logits whose probabilities sum to p; 1 excludes none.

    The nucleus of Holtzman et al., 2019 (https://arxiv.org/abs/1904.09751).
    """
    if p >= 1:
        return logits
    order = jnp.argsort(-logits, axis=-1)
    ordered = jax.nn.softmax(jnp.take_along_axis(logits, order, axis=-1), axis=-1)
    before = jnp.cumsum(ordered, axis=-1) - ordered  # what the larger ones already sum to
    kept_in_order = (before < p).at[..., 0].set(True)
    kept = jnp.take_along_axis(kept_in_order, jnp.argsort(order, axis=-1), axis=-1)
    return jnp.where(kept, logits, _EXCLUDED)


def keep_top(logits: Array, k: int, p: float) -> Array:
    """Excludes all but what both top-k and top-p keep."""
    return keep_top_p(keep_top_k(logits, k), p)


def _index_at(masses: Array, noise: Array) -> Array:
    """Draws indices in proportion to their masses, by inversion: first a block, then one in it.

    In two steps, each with a number of its own, a float32 resolves far smaller probabilities than
    in one; and two short sums cost less than a Gumbel variable for each of V tokens.

    Args:
      masses: float32 (B, V), not negative, the largest of each row 1.
      noise: float32 (B, 2), uniform in [0, 1).

    Returns:
      int32 (B,), never of mass 0.
    """
    n_rows, n_tokens = masses.shape
    blocks = jnp.pad(masses, ((0, 0), (0, -n_tokens % _BLOCK))).reshape(n_rows, -1, _BLOCK)
    block = _first_above(jax.lax.optimization_barrier(blocks.sum(axis=-1)), noise[:, 0])
    within = jnp.take_along_axis(blocks, block[:, None, None], axis=1)[:, 0]
    return (block * _BLOCK + _first_above(within, noise[:, 1])).astype(jnp.int32)


def _first_above(masses: Array, noise: Array) -> Array:
    """Returns the first index of each row up to which more than `noise` of its mass lies."""
    sums = jnp.cumsum(masses, axis=-1)
    # Rounding may make sums differ where the mass is 0: such an index is never taken.
    above = (sums > noise[:, None] * sums[:, -1:]) & (masses > 0)
    return jnp.where(above.any(axis=-1), above.argmax(axis=-1), masses.argmax(axis=-1))
