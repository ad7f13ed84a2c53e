"""Where a model ends: body and head together are the model."""

import numpy as np
import pytest

from pixace.backend.door import jax
from pixace.models.build import build_model, model_with_weights
from pixace.models.heads import split_model
from pixace.settings.model import ModelConfig
from pixace.settings.model_types import MODEL_TYPES
from pixace.tokens.vocabulary import token_count
from tests.tools.compiled import Compiled
from tests.tools.random_arrays import random_arrays

SIZES = {"image_size": 5, "bitdepth": (3, 2, 2), "d_model": 16, "d_ff": 16, "n_layers": 1}


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_body_and_head_say_what_the_model_does(model_type):
    config = ModelConfig(model_type, **SIZES)
    model = model_with_weights(config, "eval", random_arrays(config, 0.1), 2)
    rng = np.random.default_rng(0)
    high = token_count(config.bitdepth)
    tokens = rng.integers(2, high, (2, config.n_pixels)).astype(np.int32)
    body, head = split_model(model)
    *weights, of_head = model.weights
    features, _ = jax.jit(body.pure_fn)(tokens, tuple(weights), model.state[:-1], model.rng)
    nats = jax.jit(head.nats)(of_head, features, tokens)
    log_probs = np.take_along_axis(
        jax.nn.log_softmax(Compiled(model)(tokens)), tokens[..., None], axis=-1
    )
    np.testing.assert_allclose(nats, -log_probs[..., 0], atol=1e-4)
    np.testing.assert_allclose(
        jax.jit(head.summed_nats)(of_head, features, tokens), np.asarray(nats).sum(), rtol=1e-5
    )


def test_a_model_without_a_head_is_told():
    body, _ = split_model(build_model(ModelConfig("transformer", **SIZES), "eval"))
    with pytest.raises(TypeError, match="must end in a head"):
        split_model(body)
