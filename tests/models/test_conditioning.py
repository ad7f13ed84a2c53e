"""Models of all types that know words: told at once or beforehand, they say the same."""

import functools

import numpy as np
import pytest

from pixace.backend.door import jax
from pixace.checkpoints.file import Checkpoint, write_checkpoint
from pixace.checkpoints.resume import ResumeState
from pixace.dataset.batches import Batch
from pixace.drawing.batching import bytes_per_row
from pixace.insight.likelihood import Scorer
from pixace.insight.receptive_field import receptive_field
from pixace.models.build import (
    build_model,
    init_model,
    input_signature,
    model_with_weights,
    weight_shapes,
)
from pixace.models.conditioning import (
    model_input,
    no_captions,
    prefix_length_of,
    read_captions,
)
from pixace.models.layers.cached_attention import caches_in
from pixace.models.stored import open_model
from pixace.models.weights import nested_weights
from pixace.settings.model import ModelConfig
from pixace.settings.model_types import MODEL_TYPES
from pixace.tokens.text import text_tokens
from pixace.tokens.vocabulary import PAD_ID
from tests.tools.tiny import tiny_sizes

LENGTH, N_PIXELS, N_TOKENS, N_GIVEN = 6, 16, 34, 5
CAPTIONS = text_tokens(["a cat", "dog"], LENGTH)


class Told:
    """A model of one type, far from its start, and what it says of two pictures and captions."""

    def __init__(self, model_type: str) -> None:
        sizes = {**tiny_sizes(model_type), "n_layers": 2}
        self.config = ModelConfig(model_type, 4, (2, 1, 2), **sizes, caption_length=LENGTH)
        rng = np.random.default_rng(0)
        shapes = [array.shape for array in weight_shapes(self.config)]
        self.arrays = [rng.normal(0, 0.3, shape).astype("f") for shape in shapes]
        self.tokens = rng.integers(2, N_TOKENS, (2, N_PIXELS)).astype(np.int32)
        self.model = model_with_weights(self.config, "eval", self.arrays, 2)
        self.forward = jax.jit(self.model)
        self.said = self.of(CAPTIONS)

    def of(self, captions) -> np.ndarray:
        """Returns ln p of all colours at each pixel, float32 (2, L, V)."""
        logits = self.forward((self.tokens, captions))
        return np.asarray(jax.nn.log_softmax(logits))


@pytest.fixture(scope="module")
def told_of():
    return functools.cache(Told)


@pytest.fixture(params=MODEL_TYPES)
def told(request, told_of) -> Told:
    return told_of(request.param)


# The others are like these in what does not depend on how a caption is read.
FEW = [
    model_type
    if model_type in ("pointer", "pixelcnn")
    else pytest.param(model_type, marks=pytest.mark.slow)
    for model_type in MODEL_TYPES
]


@pytest.fixture(params=FEW)
def told_of_few(request, told_of) -> Told:
    return told_of(request.param)


def likely(log_p: np.ndarray) -> np.ndarray:
    """Probabilities, which closed ids have, too."""
    return np.exp(log_p)


def test_a_distribution_that_the_caption_changes_at_every_pixel(told):
    np.testing.assert_allclose(likely(told.said).sum(axis=-1), 1, rtol=1e-5)
    other = told.of(CAPTIONS[::-1])
    assert (np.abs(likely(told.said) - likely(other)).max(axis=-1) > 1e-4).all()


def test_training_says_the_same(told):
    model = build_model(told.config, "train", recompute=True)
    init_model(model, 2, N_PIXELS)
    assert not any(np.size(leaf) > 2 for leaf in jax.tree.leaves(model.state)), "no caption is kept"
    model.weights = nested_weights(told.arrays, model.weights)
    said = jax.nn.log_softmax(jax.jit(model)((told.tokens, CAPTIONS)))
    np.testing.assert_allclose(likely(said), likely(told.said), atol=1e-5)


def test_told_beforehand_a_model_says_the_same_step_by_step(told):
    """A prompt at once, then pixel by pixel; what was told before is forgotten."""
    model = model_with_weights(told.config, "predict", told.arrays, 2)
    assert prefix_length_of(model) == prefix_length_of(told.model) == LENGTH
    assert {cache.length for cache in caches_in(model.state)} <= {N_PIXELS}
    read = jax.jit(functools.partial(read_captions, model))
    memory = read(model.weights, model.state, CAPTIONS[::-1])
    memory = read(model.weights, memory, CAPTIONS)
    assert jax.tree.structure(memory) == jax.tree.structure(model.state)
    step = jax.jit(model.pure_fn)
    fed = np.pad(told.tokens, ((0, 0), (1, 0)), constant_values=PAD_ID)[:, :N_PIXELS]
    said = []
    for piece in np.split(fed, np.arange(N_GIVEN, N_PIXELS), axis=1):
        logits, memory = step(piece, model.weights, memory, model.rng)
        said.append(jax.nn.log_softmax(logits))
    np.testing.assert_allclose(likely(np.concatenate(said, axis=1)), likely(told.said), atol=1e-5)


def test_what_a_model_reads_is_told_beforehand(told_of):
    config = told_of("transformer").config
    of_eval = input_signature(build_model(config, "eval"), 3, N_PIXELS)
    assert [part.shape for part in of_eval] == [(3, N_PIXELS), (3, LENGTH)]
    assert input_signature(build_model(config, "predict"), 3, 1).shape == (3, 1)


def test_rows_are_planned_with_their_captions(told_of):
    config = told_of("transformer").config
    (plain, longer) = (
        bytes_per_row(ModelConfig(**{**config.to_dict(), **captions}), N_GIVEN)
        for captions in ({}, {"caption_length": 2 * LENGTH})
    )
    # Keys and values of two layers, and scores and shares of two heads of one.
    assert longer - plain == 4 * LENGTH * (2 * 2 * config.d_model + 2 * 2 * N_GIVEN)


def test_pixels_see_those_before_them(told_of_few):
    told = told_of_few
    pixel = 9
    field = receptive_field(told.config, told.model.weights, told.tokens[0], pixel)
    assert (field[pixel:] == 0).all()
    assert field[pixel - 1] > 0


def test_no_captions_are_all_pads(told_of_few):
    told = told_of_few
    tokens, captions = model_input(told.model, told.tokens)
    np.testing.assert_array_equal(captions, text_tokens([None, ""], LENGTH))
    np.testing.assert_array_equal(captions, no_captions(2, LENGTH))
    _, shorter = model_input(told.model, told.tokens, CAPTIONS[:, :3])
    np.testing.assert_array_equal(shorter, np.pad(CAPTIONS[:, :3], ((0, 0), (0, LENGTH - 3))))
    scorer, weights = Scorer(told.model), told.model.weights
    nats = scorer.token_nats(weights, Batch(told.tokens))
    expected = np.take_along_axis(told.of(captions), tokens[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(nats, -expected, atol=1e-4)


def test_likelihoods_are_those_of_pictures_with_their_captions(told_of_few):
    told = told_of_few
    scorer, weights, tokens = Scorer(told.model), told.model.weights, told.tokens
    tokens, captions = np.tile(tokens, (2, 1))[:3], np.tile(CAPTIONS, (2, 1))[:3]
    expected = -np.take_along_axis(told.said, told.tokens[..., None], axis=-1)[..., 0]
    pixels = np.concatenate([*scorer.pixel_nats(weights, tokens, 2, captions)])
    np.testing.assert_allclose(pixels, expected[[0, 1, 0]], atol=1e-4)
    nats = scorer.image_nats(weights, tokens, 2, captions)
    np.testing.assert_allclose(nats, pixels.mean(axis=1), rtol=1e-6)
    likelihood = scorer.likelihood(weights, tokens, 2, captions=captions)
    assert likelihood.nats_per_pixel == pytest.approx(nats.mean())
    assert likelihood.n_images == 3


def test_a_checkpoint_remembers_that_the_model_knows_words(told_of, tmp_path):
    told = told_of("pixelcnn")
    path = tmp_path / "model.pkl.gz"
    resume = ResumeState(config=told.config)
    write_checkpoint(path, Checkpoint(1, told.arrays, resume=resume), {})
    stored = open_model(path, {})
    assert stored.config == told.config == ModelConfig.from_dict(told.config.to_dict())
    for array, other in zip(stored.weights, told.arrays, strict=True):
        np.testing.assert_array_equal(array, other)


def test_captions_that_do_not_fit_are_refused(told_of):
    told = told_of("transformer")
    with pytest.raises(Exception, match="captions of 3, the model reads 6"):
        told.model((told.tokens, CAPTIONS[:, :3]))
    plain = ModelConfig(**{**told.config.to_dict(), "caption_length": None})
    with pytest.raises(ValueError, match="captions for a model that knows no words"):
        model_input(build_model(plain, "eval"), told.tokens, CAPTIONS)
