"""Vectors of colours by their factors."""

import numpy as np

from pixace.backend.door import jax, jnp, trax
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


def test_gradients_of_many_pixels_are_whole_in_half_precision():
    """A level is met thousands of times: bfloat16 adds no more to a sum than 256 of its terms."""
    factors = HsvCodec((2, 1, 1)).factors()
    layer = FactoredEmbedding(factors, 2, 0.5)
    tokens = np.random.default_rng(0).integers(2, len(factors), (4, 1024)).astype(np.int32)
    layer.init(trax.shapes.signature(tokens), rng=jax.random.PRNGKey(0))
    halves = jax.tree.map(lambda matrix: matrix.astype(jnp.bfloat16), layer.weights)

    def total(weights):
        vectors, _ = layer.pure_fn(tokens, weights, (), jax.random.PRNGKey(0))
        assert vectors.dtype == jnp.bfloat16
        return vectors.sum(dtype=jnp.float32)

    for factor, gradient in enumerate(jax.grad(total)(halves)):
        counts = np.bincount(factors[tokens.ravel(), factor] + 1, minlength=len(gradient))
        np.testing.assert_allclose(gradient[:, 0].astype(jnp.float32), counts, rtol=0.01)
