"""The sampler with real models: trax's answers, faster."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pixace.backend.door import jax, trax
from pixace.checkpoints.bundled import ready_folder
from pixace.drawing import sampler as sampler_module
from pixace.drawing.sampler import Sampler
from pixace.errors import UsageError
from pixace.models.build import init_model, model_with_weights, weight_shapes
from pixace.models.layers import block_matrices
from pixace.models.stored import open_model
from pixace.models.weights import nested_weights
from pixace.settings.model import ModelConfig
from pixace.settings.model_types import MODEL_TYPES, has_setting
from tests.conftest import POINTER_TOO, TRANSFORMER_AND_SLOWLY_REFORMER
from tests.tools.compiled import Compiled
from tests.tools.places import LEGACY
from tests.tools.plain_trax import plain_model

SMALL = {"bitdepth": (2, 1, 2), "d_model": 16, "d_ff": 32, "n_layers": 2, "n_heads": 2}


@pytest.fixture
def small_blocks(monkeypatch):
    """Cuts even the smallest matrix into blocks, as many as on a machine of three cores."""
    monkeypatch.setattr(block_matrices, "_MIN_BLOCK", 16)
    monkeypatch.setattr(block_matrices, "n_cores", lambda: 3)


def random_weights(config):
    """Matrices larger than trax draws them, or the likeliest token would hardly ever change."""
    rng = np.random.default_rng(0)
    shapes = [array.shape for array in weight_shapes(config)]
    return [
        rng.normal(0, 1, shape).astype("f") if len(shape) > 1 else np.ones(shape, "f")
        for shape in shapes
    ]


def plain_model_with_weights(config, arrays, batch_size):
    """trax's own model in mode predict with these weights."""
    model = plain_model(config, "predict")
    init_model(model, batch_size, 1)
    model.weights = nested_weights(arrays, model.weights)
    return model


def eval_log_probs(config, arrays, tokens):
    """ln p of each token, float64 (B, L), from the model in mode eval."""
    model = model_with_weights(config, "eval", arrays, len(tokens))
    log_probs = jax.nn.log_softmax(Compiled(model)(tokens))
    return np.take_along_axis(np.asarray(log_probs), tokens[..., None], axis=-1)[..., 0]


def draw(sampler, length, prompt=None, seed=0, temperature=1.0):
    """Returns tokens (B, L) and the ln p (B, L - T) of those drawn."""
    temperatures = [temperature] * sampler.batch_size
    steps = sampler.steps(prompt, temperatures, seed, None)
    n_given = 0 if prompt is None else prompt.shape[1]
    drawn = [next(steps) for _ in range(length - n_given)]
    tokens = np.stack([pixels.tokens for pixels in drawn], axis=1)
    if prompt is not None:
        tokens = np.concatenate([prompt, tokens], axis=1)
    return tokens, np.stack([pixels.log_probs for pixels in drawn], axis=1)


def likeliest_of_both(config, arrays, prompt, end):
    """Tokens T .. end at temperature 0, from trax's stream over plain trax, and from ours."""
    n_rows, given = prompt.shape
    plain = trax.supervised.decoding.autoregressive_sample_stream(
        plain_model_with_weights(config, arrays, n_rows),
        prompt,
        batch_size=n_rows,
        temperature=0.0,
    )
    sampler = Sampler(model_with_weights(config, "predict", arrays, n_rows), n_rows)
    ours = sampler.stream(prompt, temperatures=[0] * n_rows, seed=0)
    return [np.stack([next(stream) for _ in range(given, end)], axis=1) for stream in (plain, ours)]


@pytest.mark.parametrize(
    "prompt_length",
    [pytest.param(0, marks=pytest.mark.long), 1, pytest.param(250, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("model_type", TRANSFORMER_AND_SLOWLY_REFORMER)
def test_the_likeliest_tokens_are_those_of_trax_s_stream(model_type, prompt_length):
    """Also where the memory grows on the way, after 256 tokens."""
    config = ModelConfig(model_type=model_type, image_size=17, **SMALL)
    prompt = np.random.default_rng(1).integers(2, 34, (2, prompt_length)).astype(np.int32)
    expected, got = likeliest_of_both(config, random_weights(config), prompt, prompt_length + 12)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.long
def test_the_ready_model_s_likeliest_pictures_are_those_of_trax_s_stream():
    model = emoji()
    sampler = Sampler(model.build("predict", 3), 3)
    prompt = draw(sampler, 150)[0]
    expected, got = likeliest_of_both(model.config, model.weights, prompt, 256)
    assert len(np.unique(expected)) > 9, "pictures of few colours would prove little"
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    ("batch_size", "positions"),
    [
        pytest.param(1, "sequence", marks=pytest.mark.long),
        (3, "sequence"),
        pytest.param(3, "grid", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("model_type", POINTER_TOO)
def test_probabilities_are_those_of_mode_eval(model_type, batch_size, positions, small_blocks):
    positions = positions if has_setting(model_type, "positions") else None
    config = ModelConfig(model_type=model_type, image_size=17, positions=positions, **SMALL)
    arrays = random_weights(config)
    sampler = Sampler(model_with_weights(config, "predict", arrays, batch_size), batch_size)
    tokens, log_probs = draw(sampler, config.n_pixels)
    expected = eval_log_probs(config, arrays, tokens)
    np.testing.assert_allclose(log_probs, expected, atol=1e-4)
    prompt = tokens[:, :100]
    continued, log_probs = draw(sampler, config.n_pixels, prompt)
    np.testing.assert_array_equal(continued, tokens)  # a pixel's noise is that of its position
    np.testing.assert_allclose(log_probs, expected[:, 100:], atol=1e-4)


@pytest.mark.parametrize("image_size", ["24x16", pytest.param("16x24", marks=pytest.mark.long)])
@pytest.mark.parametrize(
    "model_type",
    [
        pytest.param(name, marks=[] if name in ("pointer", "pixelcnn") else [pytest.mark.slow])
        for name in MODEL_TYPES
    ],
)
def test_probabilities_of_oblong_pictures_are_those_of_mode_eval(model_type, image_size):
    sizes = {name: value for name, value in SMALL.items() if has_setting(model_type, name)}
    config = ModelConfig(model_type=model_type, image_size=image_size, **sizes)
    arrays = random_weights(config)
    sampler = Sampler(model_with_weights(config, "predict", arrays, 2), 2)
    prompt = np.random.default_rng(0).integers(2, 34, (2, 100)).astype(np.int32)
    tokens, log_probs = draw(sampler, config.n_pixels, prompt)
    assert tokens.shape == (2, 24 * 16)
    expected = eval_log_probs(config, arrays, tokens)
    np.testing.assert_allclose(log_probs, expected[:, 100:], atol=1e-3)


def emoji():
    return open_model(ready_folder("emoji") / "model.pkl.gz", {})


def legacy(folder, model_type):
    """A model written by trax 1.3.7."""
    facts = json.loads((LEGACY / "config.json").read_text())
    settings = {"model_type": model_type, "bitdepth": tuple(facts["bitdepth"]), **facts["dims"]}
    path = shutil.copy(LEGACY / f"{model_type}-numpy.pkl.gz", folder)
    return open_model(Path(path), {**settings, "image_size": facts["image_size"]})


@pytest.mark.parametrize(
    "name",
    [
        "emoji",
        pytest.param("transformer", marks=pytest.mark.long),
        pytest.param("reformer", marks=pytest.mark.long),
    ],
)
def test_stored_models_keep_their_probabilities(name, small_blocks, tmp_path):
    model = emoji() if name == "emoji" else legacy(tmp_path, name)
    sampler = Sampler(model.build("predict", 2), 2)
    tokens, log_probs = draw(sampler, model.config.n_pixels, seed=3)
    expected = eval_log_probs(model.config, model.weights, tokens)
    np.testing.assert_allclose(log_probs, expected, atol=1e-4)


def test_a_picture_is_the_same_in_every_batch_and_every_run():
    model = emoji()
    length = model.config.n_pixels
    four = Sampler(model.build("predict", 4), 4)
    pictures, _ = draw(four, length, seed=5)
    np.testing.assert_array_equal(draw(four, length, seed=5)[0], pictures)
    alone, _ = draw(Sampler(model.build("predict", 1), 1), length, seed=5)
    np.testing.assert_array_equal(alone, pictures[:1])
    many, _ = draw(Sampler(model.build("predict", 16), 16), length, seed=5)
    np.testing.assert_array_equal(many[:4], pictures)


def test_the_stream_ends_with_the_memory():
    config = ModelConfig(image_size=5, **SMALL)
    model = model_with_weights(config, "predict", random_weights(config), 1)
    stream = Sampler(model, 1).stream(temperatures=[1], seed=0)
    assert sum(1 for _ in stream) == config.n_pixels


def test_a_long_prompt_is_read_in_pieces(monkeypatch):
    config = ModelConfig(image_size=5, **SMALL)
    arrays = random_weights(config)
    sampler = Sampler(model_with_weights(config, "predict", arrays, 1), 1)
    picture, whole = draw(sampler, config.n_pixels)
    monkeypatch.setattr(sampler_module, "PROMPT_PER_CALL", 7)
    continued, pieces = draw(sampler, config.n_pixels, picture[:, :17])
    np.testing.assert_array_equal(continued, picture)
    np.testing.assert_allclose(pieces, whole[:, 17:], atol=1e-5)


def test_what_does_not_fit_the_sampler_is_refused():
    config = ModelConfig(image_size=5, **SMALL)
    sampler = Sampler(model_with_weights(config, "predict", random_weights(config), 2), 2)
    too_long = np.full((2, config.n_pixels + 1), 3, np.int32)
    with pytest.raises(ValueError, match="a prompt of 26, the model holds 25"):
        next(sampler.stream(too_long, temperatures=[1, 1], seed=0))
    with pytest.raises(ValueError, match="1 temperatures for 2 rows"):
        next(sampler.stream(temperatures=[1], seed=0))
    with pytest.raises(UsageError, match="temperature"):
        next(sampler.stream(temperatures=[1, -1], seed=0))
    with pytest.raises(UsageError, match="seed"):
        next(sampler.stream(temperatures=[1, 1], seed=2**31))


def test_new_weights_take_effect():
    config = ModelConfig(image_size=5, **SMALL)
    arrays = random_weights(config)
    sampler = Sampler(model_with_weights(config, "predict", arrays, 1), 1)
    before, _ = draw(sampler, config.n_pixels)
    other = [array[::-1].copy() for array in arrays]
    sampler.set_weights(model_with_weights(config, "eval", other, 1).weights)
    tokens, log_probs = draw(sampler, config.n_pixels)
    assert (tokens != before).any()
    np.testing.assert_allclose(log_probs, eval_log_probs(config, other, tokens), atol=1e-4)
