"""Exact likelihoods, of a model whose probabilities are known."""

import math

import numpy as np
import pytest

from pixace.backend.door import jnp, trax
from pixace.dataset.batches import Batch
from pixace.insight.likelihood import Likelihood, Scorer

HALF, TENTH = math.log(2), math.log(10)  # -ln p of token 3, and of each of the 5 others
TOKENS = np.array([[3, 3, 3, 3], [3, 3, 0, 5], [2, 2, 2, 2]], np.uint16)
MEANS = [HALF, (HALF + TENTH) / 2, TENTH]


@pytest.fixture(scope="module")
def model():
    """Every pixel is token 3 with probability 1/2 and each of the 5 others with 1/10."""
    probabilities = jnp.array([0.1, 0.1, 0.1, 0.5, 0.1, 0.1])
    model = trax.layers.Serial(
        trax.layers.Fn("Nothing", lambda x: jnp.zeros((*x.shape, 1))), trax.layers.Dense(6)
    )
    model.init(trax.shapes.ShapeDtype((1, 1), np.int32))
    nothing, (matrix, _) = model.weights
    model.weights = nothing, (matrix, jnp.log(probabilities))
    return model


@pytest.fixture(scope="module")
def scorer(model) -> Scorer:
    return Scorer(model)


def test_every_token_has_its_own(model, scorer):
    nats = scorer.token_nats(model.weights, Batch(TOKENS[1:2].astype(np.int32)))
    assert (nats.dtype, nats.shape) == (np.float64, (1, 4))
    np.testing.assert_allclose(nats, [[HALF, HALF, TENTH, TENTH]], rtol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 8])
def test_each_picture_counts_once_whatever_the_batches(model, scorer, batch_size):
    nats = scorer.image_nats(model.weights, TOKENS, batch_size)
    np.testing.assert_allclose(nats, MEANS, rtol=1e-6)
    pixels = list(scorer.pixel_nats(model.weights, TOKENS, batch_size))
    assert [len(rows) for rows in pixels] == {1: [1, 1, 1], 2: [2, 1]}.get(batch_size, [3])
    np.testing.assert_allclose(np.concatenate(pixels).mean(axis=1), MEANS, rtol=1e-6)
    likelihood = scorer.likelihood(model.weights, TOKENS, batch_size)
    assert likelihood.n_images == 3
    assert likelihood.nats_per_pixel == pytest.approx(np.mean(MEANS))


def test_tokens_that_do_not_count_drop_out_of_a_picture(model, scorer):
    """As where a part of it is given: its upper half, or all but one pixel."""
    weights = np.array([[0, 0, 1, 1], [1, 0, 0, 3], [0, 0, 0, 1]], np.float32)
    nats = scorer.mean_nats(model.weights, Batch(TOKENS.astype(np.int32), weights))
    np.testing.assert_allclose(nats, [HALF, (HALF + 3 * TENTH) / 4, TENTH], rtol=1e-6)


def test_it_stops_between_two_passes(model, scorer):
    answers = iter([False, False, True])
    assert scorer.likelihood(model.weights, TOKENS, 1, stop=lambda: next(answers)) is None
    assert not list(answers), "it was asked before each"


def test_units():
    likelihood = Likelihood(nats_per_pixel=3 * math.log(2), n_images=1)
    assert likelihood.bits_per_pixel == pytest.approx(3)
    assert likelihood.bits_per_subpixel == pytest.approx(1)
