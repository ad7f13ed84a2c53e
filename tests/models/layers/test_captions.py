"""What layers make of the bytes of a caption."""

import numpy as np
import pytest

from pixace.backend.door import jax, trax
from pixace.models.layers.captions import CaptionMean, CaptionVectors
from pixace.tokens.text import N_TEXT_TOKENS, TEXT_PAD_ID, text_tokens

LENGTH, WIDTH = 8, 12
CAPTIONS = text_tokens(["tea", "eat", "a tea", None], LENGTH)


def made(layer):
    layer.init(trax.shapes.signature(CAPTIONS), rng=jax.random.PRNGKey(0))
    return layer


@pytest.fixture(scope="module")
def mean():
    return made(CaptionMean(N_TEXT_TOKENS, TEXT_PAD_ID, WIDTH))


def test_a_mean_knows_the_order_of_letters(mean):
    tea, eat, _, none = np.asarray(mean(CAPTIONS))
    assert tea.shape == (WIDTH,)
    assert np.abs(tea - eat).max() > 0.01
    np.testing.assert_array_equal(none, 0)


def test_a_mean_does_not_depend_on_the_number_of_pads(mean):
    longer = np.pad(CAPTIONS, ((0, 0), (0, 5)), constant_values=TEXT_PAD_ID)
    np.testing.assert_allclose(mean(longer), mean(CAPTIONS), atol=1e-6)


def test_vectors_are_of_bytes_and_places():
    vectors = np.asarray(made(CaptionVectors(N_TEXT_TOKENS, LENGTH, WIDTH))(CAPTIONS))
    assert vectors.shape == (*CAPTIONS.shape, WIDTH)
    of_tea, later = vectors[0, :3], vectors[2, 2:5]  # the same bytes, two places on
    moved = vectors[3, 2:5] - vectors[3, :3]  # of pads
    np.testing.assert_allclose(later - of_tea, moved, atol=1e-5)


def test_sums_of_gradients_are_those_of_float32():
    """Thousands of equal bytes of a batch; in bfloat16 the sum would stay at 256."""
    layer = made(CaptionVectors(N_TEXT_TOKENS, LENGTH, WIDTH))
    captions = np.full((500, LENGTH), 5, np.int32)
    weights = jax.tree.map(lambda array: array.astype("bfloat16"), layer.weights)

    def total(weights):
        return layer.pure_fn(captions, weights, (), None)[0].astype("float32").sum()

    of_bytes, _ = jax.grad(total)(weights)
    np.testing.assert_allclose(of_bytes[5].astype("float32"), 500 * LENGTH, rtol=0.01)
