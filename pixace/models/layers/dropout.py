"""Dropout whose noise costs next to nothing.

JAX's generators take 15 times as long on a CPU, for a step of training more than a second of five.
They are made for more than deciding what to leave out: here each position's number is hashed
together with a key of JAX's.
"""

from __future__ import annotations

import functools

import numpy as np

from pixace.backend.door import jax, jnp, trax
from pixace.backend.trax_internals import dropout_settings
from pixace.backend.types import Array, Key, Layer


class Dropout(trax.layers.Dropout):
    """`trax.layers.Dropout` with other noise."""

    @classmethod
    def like(cls, layer: Layer) -> Dropout:
        """Returns a new layer with the settings of trax's."""
        return cls(*dropout_settings(layer))

    def forward(self, x: Array) -> Array:
        """Drops activations in mode train; gives them back as they are in others."""
        rate, shared_axes, mode = dropout_settings(self)
        if mode != "train" or not rate:
            return x
        shape = list(x.shape)
        for axis in shared_axes:
            shape[axis] = 1
        return dropped(x, rate, self.rng, tuple(shape))


# Traced once for each shape: trax traces a layer many times to make a model.
@functools.partial(jax.jit, static_argnames=("rate", "shape"), inline=True)
def dropped(x: Array, rate: float, rng: Key, shape: tuple[int, ...]) -> Array:
    """Returns x with a share of its numbers 0, the others scaled up to keep the mean.

    Args:
      x: floating-point numbers.
      rate: the share, from 0 to less than 1.
      rng: JAX key, uint32 (2,).
      shape: of the noise, to which `x` can be broadcast; fewer than 2^32 numbers.
    """
    keep = hashed_bits(rng, shape) >= np.uint32(round(rate * 2**32))
    return jnp.where(keep, x / (1 - rate), 0).astype(x.dtype)


def hashed_bits(rng: Key, shape: tuple[int, ...]) -> Array:
    """Returns uint32 numbers that look random: each position's own, hashed with a key.

    The hash is lowbias32 (https://nullprogram.com/blog/2018/07/31/), in which each bit of the input
    changes each bit of the output with a probability near one half.
    """
    position = jnp.zeros(shape, jnp.uint32)
    stride = 1
    for axis in reversed(range(len(shape))):
        position += jax.lax.broadcasted_iota(jnp.uint32, shape, axis) * np.uint32(stride)
        stride *= shape[axis]
    return _hash(_hash(position ^ rng[0]) ^ rng[1])


def _hash(x: Array) -> Array:
    x = (x ^ (x >> 16)) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * np.uint32(0x846CA68B)
    return x ^ (x >> 16)
