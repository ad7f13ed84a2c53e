"""Vectors of colours that share what colours have in common."""

from __future__ import annotations

import numpy as np

from pixace.backend.door import jax, jnp, trax
from pixace.backend.types import Array, ArrayTree, Signature


class FactoredEmbedding(trax.layers.base.Layer):
    """Maps tokens, integers (B, T), to the sums of their factors' vectors, (B, T, D).

    So a colour that was hardly ever seen is known by its hue, its saturation and its value. Weights
    are a matrix for each factor, (levels + 1, D), whose first row is of tokens that have no level.

    Args:
      factors: which level of each factor a token has, int32 (V, F); see `Codec.factors`.
      d_feature: D.
      scale: standard deviation of the numbers of a level's vector at first.
    """

    weights: ArrayTree

    def __init__(self, factors: np.ndarray, d_feature: int, scale: float) -> None:
        super().__init__()
        self._rows = factors + 1
        self._d_feature = d_feature
        self._scale = scale

    def init_weights_and_state(self, input_signature: Signature) -> None:
        """Makes random vectors."""
        n_rows = self._rows.max(axis=0) + 1
        keys = jax.random.split(self.rng, len(n_rows))
        self.weights = tuple(
            self._scale * jax.random.normal(key, (n, self._d_feature))
            for key, n in zip(keys, n_rows, strict=True)
        )

    def forward(self, tokens: Array) -> Array:
        """Looks up and adds."""
        rows = jnp.asarray(self._rows)[tokens]
        # In float32, as sums of thousands of gradients get stuck in bfloat16.
        matrices = [matrix.astype(jnp.float32) for matrix in self.weights]
        vectors = [matrix[rows[..., factor]] for factor, matrix in enumerate(matrices)]
        return sum(vectors[1:], start=vectors[0]).astype(self.weights[0].dtype)
