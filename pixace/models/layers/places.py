"""Where the next tokens stand, in layers that remember tokens by their places.

Such a layer counts what it has seen: with one number, or with one for each row where rows have come
to different places. What stands behind the places it has seen it never looks at; so going back is
setting the count, and what is fed then is written over what was there.
"""

from __future__ import annotations

from pixace.backend.door import jax, jnp
from pixace.backend.types import Array


def next_places(seen: Array | int, n_new: int) -> Array:
    """Returns the places of the next T tokens, int32 (T,), or (B, T) where rows differ.

    Args:
      seen: int32 () or (B,), how many tokens came before.
      n_new: T.
    """
    return jnp.expand_dims(seen, -1) + jnp.arange(n_new)


def written(memory: Array, new: Array, seen: Array) -> Array:
    """Returns a memory (B * A, ..., L, D) with T more tokens, (B * A, ..., T, D).

    Args:
      memory: A parts of each of B rows, one after another.
      new: what there is to remember of the tokens, which have to fit in.
      seen: int32 () or (B,), how many tokens came before.
    """

    def put(memory: Array, new: Array, seen: Array) -> Array:
        return jax.lax.dynamic_update_slice_in_dim(memory, new, seen, -2)

    if seen.ndim == 0:
        return put(memory, new, seen)
    rows, news = (part.reshape(len(seen), -1, *part.shape[-2:]) for part in (memory, new))
    return jax.vmap(put)(rows, news, seen).reshape(memory.shape)
