"""Attention of whole sequences, for training and measuring, in blocks of queries.

trax's layers compute the scores of all queries and all keys, half of which are then masked. Here a
block of queries meets only the keys that it may see: half the work, and at no time the whole matrix
of scores.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from pixace.backend.door import jax, jnp, trax
from pixace.backend.trax_internals import (
    dropout_and_mode,
    forward_and_or_backward,
    self_attention_settings,
)
from pixace.backend.types import Array, ArrayTree, Key, Layer
from pixace.models.layers.dropout import dropped

_BLOCK = 256  # queries at a time


# Traced once for each shape, see `dropped`.
@functools.partial(jax.jit, static_argnames=("dropout", "shared_noise"), inline=True)
def causal_attention(
    queries: Array,
    keys: Array,
    values: Array,
    *,
    dropout: float = 0.0,
    rng: Key | None = None,
    shared_noise: bool = False,
) -> Array:
    """Returns what each position sees of itself and those before it.

    softmax(queries keys^T / sqrt(D_k)) values, in float32 (https://arxiv.org/abs/1706.03762).

    Args:
      queries: (..., L, D_k).
      keys: (..., L, D_k).
      values: (..., L, D_v).
      dropout: share of the probabilities set to 0.
      rng: JAX key for that.
      shared_noise: the same probabilities are dropped all along the leading axes.

    Returns:
      (..., L, D_v), of the dtype of `values`.
    """
    length, d_key = queries.shape[-2:]

    def attend(queries: Array, keys: Array, values: Array, rng: Key | None) -> Array:
        """Returns what a block of queries sees, the last of whom sees all keys."""
        n_queries, n_keys = queries.shape[-2], keys.shape[-2]
        scores = jnp.einsum(
            "...qd,...kd->...qk", queries, keys, preferred_element_type=jnp.float32
        ) / math.sqrt(d_key)
        positions = jnp.arange(n_keys - n_queries, n_keys)[:, None]
        scores = jnp.where(jnp.arange(n_keys) <= positions, scores, -jnp.inf)
        shares = jax.nn.softmax(scores).astype(values.dtype)
        if dropout:
            noise = (n_queries, n_keys) if shared_noise else shares.shape
            shares = dropped(shares, dropout, rng, noise)
        return jnp.einsum("...qk,...kd->...qd", shares, values)

    seen: list[Array] = []
    for start in range(0, length, _BLOCK):
        end = min(start + _BLOCK, length)
        block_rng = jax.random.fold_in(rng, start) if dropout and rng is not None else None
        block = queries[..., start:end, :]
        if seen:  # else XLA computes several blocks at once, and has all of them in memory
            block, seen[-1] = jax.lax.optimization_barrier((block, seen[-1]))
        seen.append(
            jax.checkpoint(attend)(block, keys[..., :end, :], values[..., :end, :], block_rng)
        )
    return jnp.concatenate(seen, axis=-2)


class CausalAttention(trax.layers.attention.DotProductCausalAttention):
    """`trax.layers.DotProductCausalAttention` of whole sequences."""

    @classmethod
    def like(cls, layer: Layer) -> CausalAttention:
        """Returns a new layer with the settings of trax's."""
        dropout, mode = dropout_and_mode(layer)
        return cls(dropout=dropout, mode=mode)

    def forward(self, inputs: ArrayTree) -> Array:
        """Maps queries and keys (B * A, L, D_k) and values (B * A, L, D_v) to (B * A, L, D_v)."""
        queries, keys, values = inputs
        dropout, mode = dropout_and_mode(self)
        dropout = dropout if mode == "train" else 0.0
        return causal_attention(queries, keys, values, dropout=dropout, rng=self.rng)


class CausalSelfAttention(trax.layers.SelfAttention):
    """`trax.layers.SelfAttention` of whole sequences: causal, neither masked nor chunked."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        if not self_attention_settings(self).is_plain:
            raise ValueError("only plain causal attention")

    has_backward = False  # trax's class has, and is asked for it where blocks are recomputed

    def forward_and_or_backward(self, *inputs: ArrayTree, **options: Any) -> ArrayTree:
        """Does what trax does for layers that have no way back of their own."""
        return forward_and_or_backward(self)(*inputs, **options)

    def forward(self, x: Array) -> Array:
        """Maps activations (B, L, D) to activations."""
        w_q, w_k, w_v, w_o = self.weights
        rng, output_rng = jax.random.split(self.rng)
        queries, keys, values = (jnp.einsum("bld,hde->bhle", x, w) for w in (w_q, w_k, w_v))
        settings = self_attention_settings(self)
        heads = causal_attention(
            queries, keys, values, dropout=settings.attention_dropout, rng=rng, shared_noise=True
        )
        output = jnp.einsum("bhle,hed->bld", heads, w_o)
        if settings.output_dropout:
            output = dropped(output, settings.output_dropout, output_rng, output.shape[-1:])
        return output
