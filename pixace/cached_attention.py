"""Self-attention that remembers keys and values, for drawing token by token."""

from __future__ import annotations

import math
from typing import Any

from pixace.trax_compat import jax, jnp, trax


class CachedSelfAttention(trax.layers.SelfAttention):
    """`trax.layers.SelfAttention` in mode predict, at the cost of the new tokens alone.

    trax's own mode predict remembers the layer's inputs and projects all of them again for every
    token. This layer has the same weights and gives the same output, and keeps the projections.

    Input and output are float32 (B, T, D): the T tokens after those seen already. The state holds
    the number of tokens seen, int32 (), and their keys and values, float32 (B, H, L, D / H).

    Args:
      max_len: L, the longest sequence; what is fed beyond it gives wrong outputs.
      n_heads: H.
      d_qk: width of a head's queries and keys.
      d_v: width of a head's values.
      causal: must be true.
      masked: must be false.
      **ignored: what acts in training only.
    """

    def __init__(
        self,
        *,
        max_len: int,
        n_heads: int,
        d_qk: int,
        d_v: int,
        causal: bool,
        masked: bool = False,
        **ignored: Any,
    ) -> None:
        if masked or not causal:
            raise ValueError("only plain causal attention can be cached")
        # In trax's mode eval, which has no cache of its own.
        super().__init__(n_heads=n_heads, d_qk=d_qk, d_v=d_v, causal=True, mode="eval")
        self._max_len = max_len

    def init_weights_and_state(self, input_signature: Any) -> None:
        """Makes trax's weights, and an empty memory."""
        super().init_weights_and_state(input_signature)
        shape = (input_signature.shape[0], self._n_heads, self._max_len)
        keys = jnp.zeros((*shape, self._d_qk), jnp.float32)
        values = jnp.zeros((*shape, self._d_v), jnp.float32)
        self.state = (jnp.zeros((), jnp.int32), keys, values)

    def forward(self, x: Any) -> Any:
        """Attends from the new tokens to themselves and to all before them."""
        if x.shape[1] > self._max_len:
            raise ValueError(f"{x.shape[1]} tokens at once, the cache holds {self._max_len}")
        w_q, w_k, w_v, w_o = self.weights
        seen, keys, values = self.state
        queries, new_keys, new_values = (
            jnp.einsum("btd,hdk->bhtk", x, weights) for weights in (w_q, w_k, w_v)
        )
        keys = jax.lax.dynamic_update_slice_in_dim(keys, new_keys, seen, axis=2)
        values = jax.lax.dynamic_update_slice_in_dim(values, new_values, seen, axis=2)
        scores = jnp.einsum("bhtk,bhlk->bhtl", queries, keys) / math.sqrt(self._d_qk)
        positions = seen + jnp.arange(x.shape[1])[:, None]
        scores = jnp.where(jnp.arange(self._max_len) <= positions, scores, -jnp.inf)
        heads = jnp.einsum("bhtl,bhlv->bhtv", jax.nn.softmax(scores), values)
        self.state = (seen + x.shape[1], keys, values)
        return jnp.einsum("bhtv,hvd->btd", heads, w_o)
