"""Vectors of colours by their factors."""

import numpy as np

from pixace.backend.door import jax, trax
from pixace.models.layers.factored_embedding import FactoredEmbedding
from pixace.tokens.hsv import HsvCodec


def test_a_colour_is_the_sum_of_its_levels():
    codec = HsvCodec((2, 1, 3))
    layer = FactoredEmbedding(codec.factors(), 5, 0.5)
    tokens = np.arange(codec.n_tokens, dtype=np.int32)[None]
    layer.init(trax.shapes.signature(tokens), rng=jax.random.PRNGKey(0))
    hues, saturations, values = map(np.asarray, layer.weights)
    assert [len(matrix) for matrix in layer.weights] == [4 + 1, 2 + 1, 8 + 1]
    vectors = np.asarray(layer(tokens))[0]
    for token, (hue, saturation, value) in enumerate(codec.factors()):
        expected = hues[hue + 1] + saturations[saturation + 1] + values[value + 1]
        np.testing.assert_allclose(vectors[token], expected, rtol=1e-6)
    assert 0.4 < np.std(np.concatenate([hues, saturations, values])) < 0.6
