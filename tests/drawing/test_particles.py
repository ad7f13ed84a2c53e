"""Particles: what they draw is what the model thinks, given all that is known."""

import itertools

import numpy as np
import pytest

from pixace.backend.door import jnp
from pixace.drawing.completing import complete
from pixace.drawing.particles import FREE, Known, drawn_by_weight
from pixace.drawing.sampler import Sampler
from pixace.settings.model import ModelConfig
from pixace.settings.model_types import MODEL_TYPES
from tests.drawing.test_sampler import toy
from tests.drawing.test_sampling_models import eval_log_probs, model_with_weights, random_weights
from tests.tools.tiny import TINY, tiny_sizes

N_PIXELS, N_TOKENS = 4, 3


def chain() -> np.ndarray:
    """p(next token | token), float (3, 3): what follows is rarely known from what comes before."""
    return np.array([[0.6, 0.3, 0.1], [0.15, 0.8, 0.05], [0.1, 0.1, 0.8]])


def chain_sampler(n_pictures: int, n_particles: int) -> Sampler:
    logits = jnp.log(jnp.asarray(chain(), jnp.float32))
    size = n_pictures * n_particles
    return toy(lambda tokens: logits[tokens], size, n_particles=n_particles)


def probability(tokens: tuple[int, ...]) -> float:
    return float(np.prod([chain()[a, b] for a, b in itertools.pairwise((0, *tokens))]))


def posterior(known: dict[int, int]) -> dict[tuple[int, ...], float]:
    """By definition: of all sequences that have the known tokens, their shares."""
    every = itertools.product(range(N_TOKENS), repeat=N_PIXELS)
    fitting = {t: probability(t) for t in every if all(t[i] == v for i, v in known.items())}
    return {tokens: p / sum(fitting.values()) for tokens, p in fitting.items()}


@pytest.fixture(scope="module")
def drawn():
    """Pictures of which pixels 1 and 3 are known to be 2, that the model seldom comes to."""
    n_pictures, n_particles = 200, 32
    sampler = chain_sampler(n_pictures, n_particles)
    size = sampler.batch_size
    known = Known(np.tile(np.int32([FREE, 2, FREE, 2]), (size, 1)), np.zeros(size, np.int32))
    ids = np.stack([np.arange(size) // n_particles, np.arange(size) % n_particles], axis=1)
    *_, last = complete(
        sampler, None, N_PIXELS, temperatures=np.ones(size), seed=1, picture_ids=ids, known=known
    )
    return last, n_particles


def test_they_are_drawn_as_often_as_the_model_thinks_given_what_is_known(drawn):
    last, n_particles = drawn
    chosen = drawn_by_weight(last.log_weights, np.random.default_rng(0).random(200))
    tokens = last.tokens[np.arange(200) * n_particles + chosen]
    shares = posterior({1: 2, 3: 2})
    assert set(map(tuple, tokens.tolist())) <= set(shares)
    for sequence, share in shares.items():
        found = (tokens == sequence).all(axis=1).mean()
        assert abs(found - share) < 4 * (share * (1 - share) / 200) ** 0.5 + 0.02, sequence


def test_their_mean_weight_is_the_probability_of_what_is_known(drawn):
    last, _ = drawn
    every = itertools.product(range(N_TOKENS), repeat=N_PIXELS)
    expected = sum(probability(t) for t in every if t[1] == t[3] == 2)
    assert np.exp(last.log_weights).mean() == pytest.approx(expected, rel=0.05)


def test_one_particle_is_drawn_without_looking_ahead():
    sampler = chain_sampler(300, 1)
    known = Known(np.tile(np.int32([FREE, 2, FREE, 2]), (300, 1)), np.zeros(300, np.int32))
    *_, last = complete(sampler, None, 4, temperatures=np.ones(300), seed=1, known=known)
    assert (last.tokens[:, [1, 3]] == 2).all()
    assert abs((last.tokens[:, 0] == 0).mean() - 0.6) < 0.1, "as if nothing were known after it"
    of_known = np.log(chain()[last.tokens[:, [0, 2]], 2]).sum(axis=1)
    np.testing.assert_allclose(last.of_known, of_known, rtol=1e-5)
    np.testing.assert_allclose(last.log_weights[:, 0], of_known, rtol=1e-5)


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_a_particle_remembers_the_past_that_it_has(model_type):
    """After many have taken others' places, likelihoods are still those of mode eval."""
    sizes = {**tiny_sizes(model_type), "image_size": TINY["image_size"]}
    config = ModelConfig(model_type, bitdepth=(2, 1, 2), **sizes)
    arrays = random_weights(config)
    sampler = Sampler(model_with_weights(config, "predict", arrays, 8), 8, n_particles=4)
    rng = np.random.default_rng(0)
    tokens = rng.integers(2, 34, config.n_pixels).astype(np.int32)
    tokens[:3] = tokens[rng.random(len(tokens)) < 0.5] = FREE
    known = Known(np.tile(tokens, (8, 1)), np.zeros(8, np.int32))
    moves = 0
    steps = sampler.steps(None, np.ones(8), 0, None, known=known)
    for pixels in itertools.islice(steps, config.n_pixels):
        moves += int((pixels.parents != np.arange(8)).any())
        assert (pixels.parents // 4 == np.arange(8) // 4).all(), "of the same picture"
    assert moves
    *_, last = complete(
        sampler, None, config.n_pixels, temperatures=np.ones(8), seed=0, known=known
    )
    assert (last.tokens[:, tokens != FREE] == tokens[tokens != FREE]).all()
    expected = eval_log_probs(config, arrays, last.tokens)
    is_known = tokens != FREE
    np.testing.assert_allclose(last.of_known, expected[:, is_known].sum(axis=1), atol=2e-3)
    np.testing.assert_allclose(last.log_likelihood, expected[:, ~is_known].sum(axis=1), atol=2e-3)
    np.testing.assert_allclose(last.log_probs[:, 0], expected, atol=2e-3)


def test_one_is_taken_by_its_weight():
    log_weights = np.log([[0.2, 0.3, 0.5], [1e-30, 1, 1e-30]]) - 1000  # whose exp is 0
    for quantile, chosen in ((0.0, 0), (0.19, 0), (0.21, 1), (0.49, 1), (0.51, 2), (0.999, 2)):
        assert drawn_by_weight(log_weights[:1], np.array([quantile])).tolist() == [chosen]
    assert drawn_by_weight(log_weights, np.array([0.0, 0.5])).tolist() == [0, 1]
