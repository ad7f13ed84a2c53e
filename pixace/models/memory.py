"""What a model in mode predict remembers, of pictures that are drawn side by side: its state.

It is a nest of arrays. Those that are of pictures have the batch first, perhaps times heads; those
without dimensions are the same for all, and of them the integers count what has been seen.
"""

from __future__ import annotations

from pixace.backend.door import jax, jnp
from pixace.backend.types import Array, ArrayTree
from pixace.models.layers.cached_attention import is_cache
from pixace.models.layers.neighbours import SeenPixels


def resized(memory: ArrayTree, length: int) -> ArrayTree:
    """Returns a memory whose caches have room for `length` tokens."""
    return jax.tree.map(
        lambda part: part.resized(length) if is_cache(part) else part, memory, is_leaf=is_cache
    )


def can_go_back(memory: ArrayTree) -> bool:
    """Returns whether all that is remembered is remembered by its place, see `at_place`."""

    def is_by_place(part: ArrayTree) -> bool:
        return is_cache(part) or isinstance(part, SeenPixels)

    parts = jax.tree.leaves(memory, is_leaf=is_by_place)
    return all(is_by_place(part) or part.ndim == 0 for part in parts)


def at_place(memory: ArrayTree, place: Array) -> ArrayTree:
    """Returns the memory of the first tokens alone; nothing is copied.

    Args:
      memory: of rows that have seen at least so many, each at a place of its own, or all at one.
      place: int32 (B,), how many tokens each row has seen, or () where it is the same for all.
    """

    def is_count(part: Array) -> bool:
        return part.ndim < 2 and jnp.issubdtype(part.dtype, jnp.integer)

    return jax.tree.map(lambda part: place if is_count(part) else part, memory)


def in_place_of(memory: ArrayTree, parents: Array, n_rows: int = 1) -> ArrayTree:
    """Returns a memory in which pictures are in the place of others; nothing is computed anew.

    Args:
      memory: of B pictures, R rows of the model each.
      parents: int (B,), whose memory each picture gets. Nothing is copied where it is its own.
      n_rows: R.
    """
    rows = (parents[:, None] * n_rows + jnp.arange(n_rows)).reshape(-1)

    def taken(part: Array) -> Array:
        if part.ndim == 0:
            return part
        of_rows = part.reshape(len(rows), -1, *part.shape[1:])
        return of_rows[rows].reshape(part.shape)

    is_moved = jnp.any(parents != jnp.arange(len(parents)))
    return jax.lax.cond(is_moved, lambda: jax.tree.map(taken, memory), lambda: memory)
