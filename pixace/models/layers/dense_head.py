"""A last layer that makes the logits of all tokens by one matrix."""

from __future__ import annotations

import math

from pixace.backend.door import jax, jnp
from pixace.backend.types import Array, ArrayTree, Key
from pixace.models.layers.head_loss import NEVER, HeadWeights, Mixture, summed_nats, token_nats


class DenseHead:
    """What trax's `Dense` says of tokens, where it is the last layer of a model.

    Its weights are a matrix (D, V) and a bias (V,).

    Args:
      n_closed: ids at the beginning of the vocabulary that get no probability.
    """

    def __init__(self, n_closed: int = 0) -> None:
        self._n_closed = n_closed

    def init(self, rng: Key, d_model: int, n_tokens: int) -> HeadWeights:
        """Returns random weights, by which all tokens are about as likely."""
        matrix = jax.random.normal(rng, (d_model, n_tokens)) * 0.1 / math.sqrt(d_model)
        return matrix, jnp.zeros(n_tokens)

    def log_probabilities(self, weights: ArrayTree, features: Array) -> Array:
        """Returns ln p of all tokens, float32 (B, T, V), of features (B, T, D)."""
        matrix, bias = self._open(weights)
        logits = jnp.matmul(features, matrix, preferred_element_type=jnp.float32) + bias
        return jax.nn.log_softmax(logits)

    def nats(self, weights: ArrayTree, features: Array, tokens: Array) -> Array:
        """Returns -ln p of each token, float32 (B, L).

        Args:
          weights: of the head, as trax nests them.
          features: what the body makes of the tokens before each, (B, L, D).
          tokens: int32 (B, L).
        """
        rows = features.reshape(-1, features.shape[-1])
        return token_nats(rows, self._open(weights), tokens.ravel()).reshape(tokens.shape)

    def summed_nats(
        self,
        weights: ArrayTree,
        features: Array,
        tokens: Array,
        loss_weights: Array | None = None,
        mixture: Mixture | None = None,
    ) -> Array:
        """Returns the sum of `nats`, float32 (); its gradient is computed along with it.

        Args:
          weights: see `nats`.
          features: see `nats`.
          tokens: see `nats`.
          loss_weights: float32 (B, L), how often each token counts; None counts each once.
          mixture: a second way to each token, both float32 (B, L); see `head_loss.mixed_nats`.
        """
        rows = features.reshape(-1, features.shape[-1])
        of_rows = jax.tree.map(jnp.ravel, (tokens, loss_weights, mixture))
        return summed_nats(rows, self._open(weights), *of_rows)

    def _open(self, weights: ArrayTree) -> HeadWeights:
        """Returns the matrix, and the bias with which closed ids never come."""
        matrix, bias = jax.tree.leaves(weights)
        if self._n_closed:
            bias = jnp.where(jnp.arange(bias.size) < self._n_closed, NEVER, bias)
        return matrix, bias
