"""The random numbers of each pixel of each picture."""

from __future__ import annotations

from pixace.backend.door import jax
from pixace.backend.types import Array, Key


def pixel_noise(keys: Key, positions: Array) -> Array:
    """Returns uniform numbers, float32 (T, B, 2), that depend on key and position alone."""

    def of_pixel(position: Array, key: Key) -> Array:
        return jax.random.uniform(jax.random.fold_in(key, position), (2,))

    of_row = jax.vmap(of_pixel, in_axes=(None, 0))
    return jax.vmap(of_row, in_axes=(0, None))(positions, keys)


@jax.jit
def picture_keys(seed: int, ids: Array) -> Key:
    """Returns one JAX key per picture, uint32 (B, 2), from the seed and its ids (B, n)."""

    def key_of(numbers: Array) -> Key:
        key = jax.random.PRNGKey(seed)
        for number in numbers:
            key = jax.random.fold_in(key, number)
        return key

    return jax.vmap(key_of)(ids)
