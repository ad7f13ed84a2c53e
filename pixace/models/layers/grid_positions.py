"""Positions as a row and a column, for tokens that are pixels."""

from __future__ import annotations

import numpy as np

from pixace.backend.door import jnp, trax
from pixace.backend.types import Array, ArrayTree, Signature
from pixace.models.layers.dropout import dropped
from pixace.models.layers.places import next_places


class GridPositions(trax.layers.AxialPositionalEncoding):
    """trax's `AxialPositionalEncoding` of two axes, for sequences of any length, fed in any pieces.

    Adds to each token, float32 (B, T, D), the vector of its row, D / 2 numbers, and behind it that
    of its column. Both are learned. They start as sines and cosines (those of a sequence, Vaswani
    et al., https://arxiv.org/abs/1706.03762, along each axis: Parmar et al.,
    https://arxiv.org/abs/1802.05751), where trax starts from noise. Weights have trax's shapes,
    (1, H, 1, D / 2) and (1, 1, W, D / 2). In mode predict the state is the number of tokens seen,
    int32 () or (B,).

    Args:
      shape: H and W, rows and columns of the picture.
      d_model: D, an even number.
      dropout: share of the D numbers that training drops, in all positions of a picture.
      mode: train, eval or predict.
    """

    weights: ArrayTree
    state: ArrayTree

    def __init__(self, shape: tuple[int, int], d_model: int, dropout: float, mode: str) -> None:
        super().__init__(shape, (d_model // 2, d_model // 2), dropout=dropout, mode=mode)
        self._dropout, self._mode = dropout if mode == "train" else 0.0, mode

    def init_weights_and_state(self, input_signature: Signature) -> None:
        """Makes the vectors of all rows and columns."""
        super().init_weights_and_state(input_signature)
        self.weights = tuple(
            jnp.asarray(waves(max(vectors.shape[:-1]), vectors.shape[-1]).reshape(vectors.shape))
            for vectors in self.weights
        )

    def forward(self, x: Array) -> Array:
        """Adds the vectors of the T pixels that come next."""
        n_seen = self.state if self._mode == "predict" else 0
        pixels = next_places(n_seen, x.shape[1])
        rows, columns = (vectors.reshape(-1, vectors.shape[-1]) for vectors in self.weights)
        width = len(columns)
        places = jnp.concatenate([rows[pixels // width], columns[pixels % width]], axis=-1)
        if self._mode == "predict":
            self.state = n_seen + x.shape[1]
        if self._dropout:
            places = dropped(places, self._dropout, self.rng, (x.shape[0], 1, x.shape[2]))
        return x + places


def waves(n_places: int, width: int) -> np.ndarray:
    """Returns the vectors of places 0 .. n - 1, float32 (n, width): sines, each with its cosine."""
    feature = np.arange(width)
    angles = np.arange(n_places)[:, None] * 10_000.0 ** -(feature // 2 * 2 / width)
    return np.where(feature % 2, np.cos(angles), np.sin(angles)).astype(np.float32)
