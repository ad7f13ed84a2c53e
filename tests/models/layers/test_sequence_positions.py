"""Positions of tokens, of which each row may have its own."""

import numpy as np

from pixace.backend.door import jnp, trax
from pixace.models.layers.sequence_positions import SequencePositions

X = np.random.default_rng(0).normal(size=(2, 3, 8)).astype(np.float32)


def test_it_adds_what_trax_adds():
    ours, plain = SequencePositions(12), trax.layers.PositionalEncoding(12, mode="predict")
    for layer in (ours, plain):
        layer.init(trax.shapes.signature(X))
    for _ in range(2):
        np.testing.assert_array_equal(ours(X), plain(X))


def test_rows_may_stand_at_places_of_their_own():
    layer = SequencePositions(12)
    layer.init(trax.shapes.signature(X))
    layer.state = jnp.asarray([4, 0])
    np.testing.assert_array_equal(layer(X)[0] - X[0], (X + layer.weights[4:7] - X)[0])
    assert layer.state.tolist() == [7, 3]
