"""Attention that remembers keys and values, for drawing token by token.

trax's own layers in mode predict attend as well, but slowly: `SelfAttention` projects all it has
seen again for every token, and `DotProductCausalAttention` always reads a memory of full length.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from pixace.backend.door import jax, jnp, trax
from pixace.backend.types import Array, ArrayTree, Layer, Signature
from pixace.models.layers.block_matrices import BlockMatrix, product
from pixace.models.layers.places import next_places, written


class KeyValueCache(NamedTuple):
    """The keys and values of the tokens seen so far, with room for more.

    Attributes:
      seen: int32 (), number of tokens; or (B,), of each row, where the first axis is rows, perhaps
        times heads.
      keys: float32 (..., L, D_k), of which the first `seen` along L count.
      values: float32 (..., L, D_v).
      caption: keys and values of what was read before all tokens, (..., P, D_k) and (..., P, D_v);
        None where there is nothing.
    """

    seen: Array
    keys: Array
    values: Array
    caption: tuple[Array, Array] | None = None

    @classmethod
    def empty(cls, shape: tuple[int, ...], d_key: int, d_value: int) -> KeyValueCache:
        """Returns a cache of shape (..., L) that has seen nothing."""
        keys = jnp.zeros((*shape, d_key), jnp.float32)
        return cls(jnp.zeros((), jnp.int32), keys, jnp.zeros((*shape, d_value), jnp.float32))

    def of_caption(self, length: int) -> KeyValueCache:
        """Returns an empty cache with room for `length` bytes of a caption, and no tokens."""
        shape = *self.keys.shape[:-2], length
        return self.empty(shape, self.keys.shape[-1], self.values.shape[-1])

    def behind(self, caption: KeyValueCache) -> KeyValueCache:
        """Returns a cache of the same tokens, which see a caption before them."""
        return self._replace(caption=(caption.keys, caption.values))

    @property
    def length(self) -> int:
        """L, the number of tokens there is room for."""
        return self.keys.shape[-2]

    def resized(self, length: int) -> KeyValueCache:
        """Returns a cache with room for `length` tokens, at least as many as it has seen."""

        def resize(array: Array) -> Array:
            more = max(0, length - self.length)
            widths = [(0, 0)] * (array.ndim - 2) + [(0, more), (0, 0)]
            return jnp.pad(array, widths)[..., :length, :]

        return self._replace(keys=resize(self.keys), values=resize(self.values))

    def extended(self, keys: Array, values: Array) -> KeyValueCache:
        """Returns the cache after T more tokens: keys (..., T, D_k), values (..., T, D_v).

        What is fed beyond L overwrites the last ones, and outputs are wrong from there on.

        Raises:
          ValueError: T is greater than L.
        """
        n_new = keys.shape[-2]
        if n_new > self.length:
            raise ValueError(f"{n_new} tokens at once, the cache holds {self.length}")
        # Behind a barrier: fused with the update, XLA's product of one token's query with all keys
        # is six times slower on a CPU (JAX 0.12, batch 1).
        keys, values = jax.lax.optimization_barrier(
            (written(self.keys, keys, self.seen), written(self.values, values, self.seen))
        )
        return self._replace(seen=self.seen + n_new, keys=keys, values=values)

    def attention_bytes(self, n_queries: int) -> int:
        """Returns what `attend` needs for so many queries: scores, and their softmax."""
        n_keys = self.length + (0 if self.caption is None else self.caption[0].shape[-2])
        return 2 * 4 * math.prod(self.keys.shape[:-2]) * n_queries * n_keys

    def attend(self, queries: Array) -> Array:
        """Returns what the T newest tokens see: themselves, those before them, and the caption.

        Args:
          queries: float32 (..., T, D_k).

        Returns:
          float32 (..., T, D_v): softmax(queries keys^T / sqrt(D_k)) values
          (https://arxiv.org/abs/1706.03762).
        """
        n_new, d_key = queries.shape[-2:]
        scores = jnp.einsum("...tk,...lk->...tl", queries, self.keys) / math.sqrt(d_key)
        scores = jnp.where(self._is_before(n_new), scores, -jnp.inf)
        if self.caption is None:
            return jnp.einsum("...tl,...lv->...tv", jax.nn.softmax(scores), self.values)
        keys, values = self.caption
        of_caption = jnp.einsum("...tk,...lk->...tl", queries, keys) / math.sqrt(d_key)
        shares = jax.nn.softmax(jnp.concatenate([of_caption, scores], axis=-1))
        parts = jnp.split(shares, [keys.shape[-2]], axis=-1)
        told, seen = (
            jnp.einsum("...tl,...lv->...tv", share, of_all)
            for share, of_all in zip(parts, (values, self.values), strict=True)
        )
        return told + seen

    def _is_before(self, n_new: int) -> Array:
        """Returns which tokens each of the T newest sees, bool (T, L), or (..., T, L) by rows."""
        places = next_places(self.seen - n_new, n_new)[..., None]
        if self.seen.ndim:
            n_each = self.keys.shape[0] // len(self.seen)
            places = jnp.repeat(places, n_each, axis=0)
            places = jnp.expand_dims(places, range(1, self.keys.ndim - 2))
        return jnp.arange(self.length) <= places


def is_cache(part: ArrayTree) -> bool:
    """Returns whether a part of a model's state is a `KeyValueCache`."""
    return isinstance(part, KeyValueCache)


def caches_in(state: ArrayTree) -> list[KeyValueCache]:
    """Returns the caches in a model's state, one for each layer of attention."""
    return [part for part in jax.tree.leaves(state, is_leaf=is_cache) if is_cache(part)]


class CachedSelfAttention(trax.layers.SelfAttention):
    """`trax.layers.SelfAttention` in mode predict, at the cost of the new tokens alone.

    It has the same weights and gives the same output. Input and output are float32 (B, T, D): the
    T tokens after those seen already. The state is a `KeyValueCache` of shape (B, A, L).

    Args:
      max_len: L, the longest sequence.
      n_heads: A.
      d_qk: D_k, width of a head's queries and keys.
      d_v: D_v, width of a head's values.
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
        self._max_len, self._n_heads, self._d_qk, self._d_v = max_len, n_heads, d_qk, d_v

    def init_weights_and_state(self, input_signature: Signature) -> None:
        """Makes trax's weights, and an empty memory."""
        super().init_weights_and_state(input_signature)
        shape = (input_signature.shape[0], self._n_heads, self._max_len)
        self.state = KeyValueCache.empty(shape, self._d_qk, self._d_v)

    def matrices(self, weights: ArrayTree) -> list[Array]:
        """Returns trax's weights of all heads side by side.

        They are two of (D, A * D_k), one of (D, A * D_v), and one of (A * D_v, D).
        """
        *inputs, w_o = weights
        side_by_side = [jnp.moveaxis(w, 0, 1).reshape(w.shape[1], -1) for w in inputs]
        return [*side_by_side, w_o.reshape(-1, w_o.shape[-1])]

    def forward(self, x: Array) -> Array:
        """Attends from the new tokens to themselves and to all before them."""
        weights = self.weights
        as_trax_has_them = not isinstance(weights[0], BlockMatrix) and weights[0].ndim == 3
        *inputs, w_o = self.matrices(weights) if as_trax_has_them else weights
        queries, keys, values = (self._split_heads(product(x, w)) for w in inputs)
        self.state = KeyValueCache(*self.state).extended(keys, values)
        heads = jnp.moveaxis(self.state.attend(queries), 1, 2)
        return product(heads.reshape(*x.shape[:2], -1), w_o)

    def _split_heads(self, x: Array) -> Array:
        """From (B, T, A * D_k) to (B, A, T, D_k), or the same with D_v."""
        return jnp.moveaxis(x.reshape(*x.shape[:2], self._n_heads, -1), 2, 1)


class CachedCausalAttention(trax.layers.attention.DotProductCausalAttention):
    """`DotProductCausalAttention` of trax in mode predict, with a memory that can be resized.

    Inputs are queries, keys and values of the new tokens, float32 (B * A, T, D_k) and for values
    (B * A, T, D_v), as is the output. The state is a `KeyValueCache` of shape (B * A, L).

    Args:
      max_len: L, the longest sequence.
    """

    def __init__(self, max_len: int) -> None:
        super().__init__(mode="predict")
        self._max_len = max_len

    @classmethod
    def like(cls, layer: Layer, max_len: int) -> CachedCausalAttention:
        """Returns a new layer in the place of trax's."""
        del layer  # without dropout it has no settings
        return cls(max_len)

    def init_weights_and_state(self, input_signature: Signature) -> None:
        """Makes an empty memory."""
        _, keys, values = input_signature
        self.state = KeyValueCache.empty(
            (keys.shape[0], self._max_len), keys.shape[-1], values.shape[-1]
        )

    def forward(self, inputs: ArrayTree) -> Array:
        """Attends from the new tokens to themselves and to all before them."""
        queries, keys, values = inputs
        self.state = KeyValueCache(*self.state).extended(keys, values)
        return self.state.attend(queries)
