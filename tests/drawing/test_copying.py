"""Copies: the token of the place that is copied, also after particles have changed places."""

import numpy as np
import pytest

from pixace.drawing.completing import complete
from pixace.drawing.copying import next_copied
from pixace.drawing.particles import FREE, Known
from pixace.drawing.sampler import Sampler
from pixace.drawing.symmetry import DRAWN, copied_places, with_mirrored
from pixace.models.build import model_with_weights
from pixace.settings.model import ModelConfig
from pixace.settings.model_types import MODEL_TYPES
from tests.drawing.test_sampling_models import eval_log_probs, random_weights
from tests.tools.tiny import tiny_sizes


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_every_type_of_model_copies_and_says_how_likely_the_rest_is(model_type):
    """On pictures of an odd width, among whose particles many take others' places."""
    config = ModelConfig(model_type, bitdepth=(2, 1, 2), image_size="5x6", **tiny_sizes(model_type))
    arrays, length = random_weights(config), config.n_pixels
    rng = np.random.default_rng(0)
    tokens = np.full((1, length), FREE, np.int32)
    tokens[0, [9, 18]] = rng.integers(2, 34, 2)
    known = np.tile(with_mirrored(tokens, "left-right", config.pictures), (4, 1))
    copied = copied_places(known[0] != FREE, "left-right", config.pictures)
    sampler = Sampler(model_with_weights(config, "predict", arrays, 4), 4, n_particles=4)
    *_, last = complete(
        sampler, None, length, temperatures=np.ones(4), seed=0,
        known=Known(known, np.zeros(4, np.int32)), copied=copied,
    )  # fmt: skip
    is_copy = copied != DRAWN
    assert is_copy.sum() == 10, "of 12 pairs two are known"
    np.testing.assert_array_equal(last.tokens[:, is_copy], last.tokens[:, copied[is_copy]])
    expected, is_known = eval_log_probs(config, arrays, last.tokens), known[0] != FREE
    is_drawn = ~is_copy & ~is_known
    np.testing.assert_allclose(last.log_likelihood, expected[:, is_drawn].sum(axis=1), atol=2e-3)
    np.testing.assert_allclose(last.of_known, expected[:, is_known].sum(axis=1), atol=2e-3)


def test_nothing_beyond_the_picture_is_copied():
    places = next_copied(np.int32([DRAWN, 0, DRAWN, 2, 1]), 3, 4)
    assert np.asarray(places).tolist() == [2, 1, DRAWN, DRAWN]
