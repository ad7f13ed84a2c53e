"""A last layer for many colours, which says one factor of a colour after another.

A colour is drawn as its value, its saturation given that, and its hue given both:
p(token) = p(v) p(s | v) p(h | v, s), each a softmax over few levels. So what is learned of one
colour holds for its relatives, and weights are far fewer than a column of a matrix for each token.
"""

from __future__ import annotations

import math

import numpy as np

from pixace.backend.door import jax, jnp
from pixace.backend.types import Array, ArrayTree, Key
from pixace.models.layers.head_loss import NEVER, Mixture, mixed_nats

_WIDTH = 64  # C, of the hidden layers
_ROWS = 4096  # positions at a time, in training
_ROWS_OF_ALL = 64  # positions at a time, where all tokens are asked for


class FactoredHead:
    """A head that makes ln p of tokens by the levels of their factors, the last factor first.

    Weights are, of the first factor told, a matrix (D, n) and bias (n,); of each other one, with
    m levels of all factors before it, the matrices (D, C) and (m, C) that make a hidden layer of
    the features and of the levels that are known, and its matrix (C, n) and bias (n,).

    Args:
      factors: which level of each factor a token has, int32 (V, F): each combination of levels is
        one token, and negative ones are of tokens that get no probability. A level of the last
        factor may also be a token by itself, whose other levels are negative; see `Codec.factors`.
    """

    def __init__(self, factors: np.ndarray) -> None:
        levels = factors[:, ::-1]
        self._levels = levels[:, levels.max(axis=0) > 0]  # one level alone says nothing
        self._sizes = [int(highest) + 1 for highest in self._levels.max(axis=0)]
        self._is_token = self._levels[:, 0] >= 0
        self._alone = np.flatnonzero(self._is_token & (self._levels[:, -1] < 0))

    def init(self, rng: Key, d_model: int, n_tokens: int) -> ArrayTree:
        """Returns random weights, by which all tokens are about as likely."""
        del n_tokens  # the factors have it
        weights: list[tuple[Array, ...]] = []
        for number, size in enumerate(self._sizes):
            keys = jax.random.split(jax.random.fold_in(rng, number), 3)
            width, before = d_model, sum(self._sizes[:number])
            hidden: tuple[Array, ...] = ()
            if number:
                width = _WIDTH
                of_features = jax.random.normal(keys[0], (d_model, width)) / math.sqrt(d_model)
                hidden = of_features, jax.random.normal(keys[1], (before, width)) * 0.5
            matrix = jax.random.normal(keys[2], (width, size)) * 0.1 / math.sqrt(width)
            weights.append((*hidden, matrix, jnp.zeros(size)))
        return tuple(weights)

    def log_probabilities(self, weights: ArrayTree, features: Array) -> Array:
        """Returns ln p of all tokens, float32 (B, T, V), of features (B, T, D)."""
        places = np.ravel_multi_index(tuple(np.maximum(self._levels, 0).T), self._sizes)

        def of_position(vector: Array) -> Array:
            known = np.zeros((1, 0), np.float32)  # each combination so far, as ones and zeros
            log_p, after_each = jnp.zeros(1), []
            for factor, size in zip(weights, self._sizes, strict=True):
                given = jax.nn.log_softmax(_logits(factor, vector[None], jnp.asarray(known)))
                log_p = (log_p[:, None] + given).ravel()
                after_each.append(log_p)
                each = np.tile(np.eye(size, dtype=np.float32), (len(known), 1))
                known = np.concatenate([known.repeat(size, axis=0), each], axis=1)
            of_tokens = log_p[places]
            if len(self._alone):
                alone = after_each[0][self._levels[self._alone, 0]]
                of_tokens = of_tokens.at[self._alone].set(alone)
            return jnp.where(self._is_token, of_tokens, NEVER)

        rows = features.reshape(-1, features.shape[-1])
        log_p = jax.lax.map(of_position, rows, batch_size=_ROWS_OF_ALL)
        return log_p.reshape(*features.shape[:-1], -1)

    def nats(self, weights: ArrayTree, features: Array, tokens: Array) -> Array:
        """Returns -ln p of each token, float32 (B, L), without that of the others.

        Args:
          weights: of this head.
          features: what the body makes of the tokens before each, (B, L, D).
          tokens: int32 (B, L).
        """
        # So that the gradients of all positions are summed in float32.
        weights = jax.tree.map(lambda array: array.astype(jnp.float32), weights)

        @jax.checkpoint
        def of_position(position: tuple[Array, Array]) -> Array:
            vector, token = position
            levels = jnp.asarray(self._levels)[token]
            nats, known = jnp.zeros(()), jnp.zeros(0)
            for number, (factor, size) in enumerate(zip(weights, self._sizes, strict=True)):
                told = jax.nn.one_hot(levels[number], size)
                nats -= (told * jax.nn.log_softmax(_logits(factor, vector, known))).sum()
                known = jnp.concatenate([known, told])
            return jnp.where(levels[0] < 0, -NEVER, nats)

        rows = features.reshape(-1, features.shape[-1]), tokens.ravel()
        return jax.lax.map(of_position, rows, batch_size=_ROWS).reshape(tokens.shape)

    def summed_nats(
        self,
        weights: ArrayTree,
        features: Array,
        tokens: Array,
        loss_weights: Array | None = None,
        mixture: Mixture | None = None,
    ) -> Array:
        """Returns the sum of `nats`, float32 (); nothing of it is kept for its gradient.

        Args:
          weights: see `nats`.
          features: see `nats`.
          tokens: see `nats`.
          loss_weights: float32 (B, L), how often each token counts; None counts each once.
          mixture: a second way to each token, both float32 (B, L); see `head_loss.mixed_nats`.
        """
        nats = self.nats(weights, features, tokens)
        if mixture is not None:
            nats = mixed_nats(nats, mixture)
        return (nats if loss_weights is None else loss_weights * nats).sum()


def _logits(factor: tuple[Array, ...], features: Array, known: Array) -> Array:
    """Returns logits of a factor's levels, float32 (..., n).

    Args:
      factor: its weights.
      features: (..., D), of the precision that is multiplied in.
      known: float32 (..., m), for each level of the factors before whether it is the one.
    """
    *hidden, matrix, bias = factor

    def product(x: Array, matrix: Array) -> Array:
        precision = features.dtype
        return jnp.matmul(
            x.astype(precision), matrix.astype(precision), preferred_element_type=jnp.float32
        )

    if not hidden:
        return product(features, matrix) + bias
    of_features, of_known = hidden
    x = jax.nn.relu(product(features, of_features) + product(known, of_known))
    return product(x, matrix) + bias
