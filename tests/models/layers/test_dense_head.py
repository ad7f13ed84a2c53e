"""A matrix as a head: logits of all tokens, or those of some that there are."""

import numpy as np
import pytest

from pixace.backend.door import jax
from pixace.models.layers.dense_head import DenseHead


def case():
    """Returns weights, features (2, 3, 4) and tokens of 2 .. 6."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(4, 7)).astype("f"), rng.normal(size=7).astype("f")
    return weights, rng.normal(size=(2, 3, 4)).astype("f"), rng.integers(2, 7, (2, 3))


@pytest.mark.parametrize("n_closed", [0, 2])
def test_closed_ids_take_no_probability(n_closed):
    (matrix, bias), features, tokens = case()
    head = DenseHead(n_closed)
    log_p = np.asarray(head.log_probabilities((matrix, bias), features))
    assert (np.exp(log_p[..., :n_closed]) == 0).all()
    open_ones = jax.nn.log_softmax((features @ matrix + bias)[..., n_closed:])
    np.testing.assert_allclose(log_p[..., n_closed:], open_ones, rtol=1e-5)
    of_tokens = np.take_along_axis(log_p, tokens[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(head.nats((matrix, bias), features, tokens), -of_tokens, rtol=1e-5)


def test_a_sum_takes_each_token_as_often_as_it_counts():
    weights, features, tokens = case()
    counts = np.array([[0, 1, 2], [0.5, 0, 0]], np.float32)
    nats = np.asarray(DenseHead().nats(weights, features, tokens))
    np.testing.assert_allclose(
        DenseHead().summed_nats(weights, features, tokens, counts), (counts * nats).sum(), rtol=1e-5
    )


def test_a_sum_may_be_of_a_mixture():
    weights, features, tokens = case()
    keep, besides = np.random.default_rng(1).random((2, 2, 3)).astype("f") / 2
    p = keep * np.exp(-np.asarray(DenseHead().nats(weights, features, tokens))) + besides
    mixture = np.log(keep), np.log(besides)
    found = DenseHead().summed_nats(weights, features, tokens, mixture=mixture)
    np.testing.assert_allclose(found, -np.log(p).sum(), rtol=1e-5)
