"""A last layer that may copy: the colour of a pixel is new, or one that is in the picture already.

The pointer-generator idea (Vinyals et al., 2015, https://arxiv.org/abs/1506.03134; Merity et al.,
2016, https://arxiv.org/abs/1609.07843; See et al., 2017, https://arxiv.org/abs/1704.04368): one
attention over the pixels drawn so far, whose weights are summed by colour, and a gate that mixes
them with the colours of a plain last layer: p = (1 - g) softmax + g copy. So a model learns a
picture's few colours from the picture.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from pixace.backend.door import jax, jnp, trax
from pixace.backend.types import Array, ArrayTree, Key, Mode, Signature
from pixace.models.layers.cached_attention import KeyValueCache
from pixace.models.layers.head_loss import NEVER, Mixture, mixed_nats
from pixace.models.layers.places import next_places

_KEY_WIDTH = 64  # of queries and keys
_BLOCK = 256  # queries at a time, in training
_GATE_SCALE = 4.0  # lets the gate learn as fast as the rest
_GATE_START = -1.0


class PlainHead(Protocol):
    """What a pointer mixes its copies with; weights and features are those of `DenseHead`."""

    def init(self, rng: Key, d_model: int, n_tokens: int) -> ArrayTree:
        """Returns random weights."""

    def log_probabilities(self, weights: ArrayTree, features: Array) -> Array:
        """Returns ln p of all tokens, float32 (B, T, V), of features (B, T, D)."""

    def nats(self, weights: ArrayTree, features: Array, tokens: Array) -> Array:
        """Returns -ln p of each token, float32 (B, L)."""

    def summed_nats(
        self,
        weights: ArrayTree,
        features: Array,
        tokens: Array,
        loss_weights: Array | None = None,
        mixture: Mixture | None = None,
    ) -> Array:
        """Returns the sum of `nats`, or of those of a mixture, in little memory."""


class PointerHead(trax.layers.base.Layer):
    """Maps features (B, T, D) and the tokens before, int32 (B, T), to ln p, float32 (B, T, V).

    The features at position t know the token that comes in there, that of pixel t - 1: their key
    stands for it. Weights are those of the plain head; the pointer's matrices of queries and keys,
    and its bias for each distance in rows and columns, (H, 2 W - 1); the gate's vector (D, 1) and
    bias (1,). In mode predict the state is a `KeyValueCache` of shape (B, L), whose values are
    tokens.

    Args:
      shape: (H, W) of the picture.
      n_tokens: V.
      plain: says how likely each token is where none is copied.
      mode: train, eval or predict.
    """

    weights: ArrayTree
    state: KeyValueCache

    def __init__(self, shape: tuple[int, int], n_tokens: int, plain: PlainHead, mode: Mode) -> None:
        super().__init__(n_in=2)
        self._shape = shape
        self._n_tokens = n_tokens
        self._plain = plain
        self._mode = mode

    def init_weights_and_state(self, input_signature: Signature) -> None:
        """Makes random weights, and an empty memory."""
        features, _ = input_signature
        d_model = features.shape[-1]
        for_plain, for_queries, for_keys = jax.random.split(self.rng, 3)

        def random(key: Key) -> Array:
            return jax.random.normal(key, (d_model, _KEY_WIDTH)) / math.sqrt(d_model)

        n_rows, n_columns = self._shape
        self.weights = (
            self._plain.init(for_plain, d_model, self._n_tokens),
            (random(for_queries), random(for_keys)),
            jnp.zeros((n_rows, 2 * n_columns - 1)),
            (jnp.zeros((d_model, 1)), jnp.full(1, _GATE_START)),
        )
        if self._mode == "predict":
            shape = features.shape[0], n_rows * n_columns
            self.state = KeyValueCache.empty(shape, _KEY_WIDTH, 1)

    def forward(self, inputs: tuple[Array, Array]) -> Array:
        """Returns ln p of all colours for the T pixels that come next."""
        features, before = inputs
        of_plain, (to_queries, to_keys), distances, gate = self.weights
        queries, keys = features @ to_queries, features @ to_keys
        seen: Array | int = 0
        if self._mode == "predict":
            cache = KeyValueCache(*self.state)
            seen = cache.seen
            self.state = cache = cache.extended(keys, before[..., None].astype(jnp.float32))
            keys, before = cache.keys, cache.values[..., 0].astype(jnp.int32)
        pixels = next_places(seen, features.shape[1])
        shares = self._shares(queries, keys, distances, pixels)
        copied = _summed_by_token(shares, before, self._n_tokens)
        log_keep, log_copy = _gates(features, gate, pixels)
        plain = self._plain.log_probabilities(of_plain, features)
        return jnp.logaddexp(log_keep[..., None] + plain, log_copy[..., None] + _log(copied))

    def _shares(self, queries: Array, keys: Array, distances: Array, pixels: Array) -> Array:
        """Returns how much each of T pixels looks at each that came in, float32 (B, T, S).

        Their numbers are `pixels`, int32 (T,), or (B, T) where rows differ.
        """
        n_columns, n_keys = self._shape[1], keys.shape[1]
        scores = jnp.einsum("btk,bsk->bts", queries, keys, preferred_element_type=jnp.float32)
        sources = np.arange(-1, n_keys - 1)  # position s holds pixel s - 1
        pixels = pixels[..., None]
        rows = jnp.clip(pixels // n_columns - sources // n_columns, 0, self._shape[0] - 1)
        columns = pixels % n_columns - sources % n_columns + n_columns - 1
        scores = scores / math.sqrt(_KEY_WIDTH) + distances.astype(jnp.float32)[rows, columns]
        there = (sources >= 0) & (sources < pixels)
        return jax.nn.softmax(jnp.where(there, scores, NEVER))

    def nats(self, weights: ArrayTree, features: tuple[Array, Array], tokens: Array) -> Array:
        """Returns -ln p of each token, float32 (B, L).

        Args:
          weights: of this layer.
          features: what the layer reads: features (B, L, D) and the tokens before, int32 (B, L).
          tokens: int32 (B, L).
        """
        plain = self._plain.nats(weights[0], features[0], tokens)
        return mixed_nats(plain, self._of_tokens(weights, features, tokens))

    def summed_nats(
        self,
        weights: ArrayTree,
        features: tuple[Array, Array],
        tokens: Array,
        loss_weights: Array | None = None,
    ) -> Array:
        """Returns the sum of `nats`, float32 (); its gradient is computed along with it.

        Args:
          weights: see `nats`.
          features: see `nats`.
          tokens: see `nats`.
          loss_weights: float32 (B, L), how often each token counts; None counts each once.
        """
        mixture = self._of_tokens(weights, features, tokens)
        return self._plain.summed_nats(weights[0], features[0], tokens, loss_weights, mixture)

    def _of_tokens(
        self, weights: ArrayTree, features: tuple[Array, Array], tokens: Array
    ) -> Mixture:
        """Returns ln (1 - g), and ln of g times the share of copies; both float32 (B, L)."""
        vectors, before = features
        _, (to_queries, to_keys), distances, gate = weights
        queries, keys = vectors @ to_queries, vectors @ to_keys

        @jax.checkpoint
        def copied(queries: Array, keys: Array, before: Array, tokens: Array, start: int) -> Array:
            pixels = start + jnp.arange(queries.shape[1])
            shares = self._shares(queries, keys, distances, pixels)
            return jnp.where(before[:, None] == tokens[..., None], shares, 0).sum(axis=-1)

        length = tokens.shape[1]
        parts = []
        for start in range(0, length, _BLOCK):
            end = min(start + _BLOCK, length)
            block = queries[:, start:end], keys[:, :end], before[:, :end], tokens[:, start:end]
            parts.append(copied(*block, start))
        log_keep, log_copy = _gates(vectors, gate, jnp.arange(length))
        return log_keep, log_copy + _log(jnp.concatenate(parts, axis=-1))


def _gates(features: Array, gate: ArrayTree, pixels: Array) -> tuple[Array, Array]:
    """Returns ln (1 - g) and ln g, float32 (B, T); at pixel 0 there is nothing to copy."""
    vector, bias = gate
    logit = (features @ vector)[..., 0].astype(jnp.float32) * _GATE_SCALE + bias
    logit = jnp.where(pixels > 0, logit, NEVER)
    return jax.nn.log_sigmoid(-logit), jax.nn.log_sigmoid(logit)


def _summed_by_token(shares: Array, before: Array, n_tokens: int) -> Array:
    """Returns the shares (B, T, S) of the sources of each token, float32 (B, T, V)."""

    def of_picture(shares: Array, before: Array) -> Array:
        return jnp.zeros((shares.shape[0], n_tokens)).at[:, before].add(shares)

    return jax.vmap(of_picture)(shares, before)


def _log(shares: Array) -> Array:
    """Returns ln, and a very small number for 0."""
    is_there = shares >= np.finfo(np.float32).tiny  # GPUs keep less, without a gradient
    return jnp.where(is_there, jnp.log(jnp.where(is_there, shares, 1.0)), NEVER)
