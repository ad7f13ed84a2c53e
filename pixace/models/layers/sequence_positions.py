"""Positions as numbers in the sequence, for drawing."""

from __future__ import annotations

from pixace.backend.door import trax
from pixace.backend.types import Array, ArrayTree
from pixace.models.layers.places import next_places


class SequencePositions(trax.layers.attention.PositionalEncoding):
    """trax's `PositionalEncoding` in mode predict, with rows that may stand at different places.

    Adds to each token, float32 (B, T, D), the vector of its place. Weights are trax's, (L, D), or
    (1, L, D) in old checkpoints. The state is how many tokens were seen, int32 () or (B,).

    Args:
      max_len: L.
    """

    weights: Array
    state: ArrayTree

    def __init__(self, max_len: int) -> None:
        super().__init__(max_len=max_len, mode="predict")

    def forward(self, x: Array) -> Array:
        """Adds the vectors of the T tokens that come next."""
        vectors = self.weights.reshape(-1, x.shape[-1])
        places = next_places(self.state, x.shape[1])
        self.state += x.shape[1]
        return x + vectors[places]
