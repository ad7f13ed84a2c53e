"""The convolutional models do all that the others do."""

import json

import numpy as np
import pytest
from PIL import Image

from pixace.backend.door import jax
from pixace.cli import main
from pixace.drawing.completing import complete
from pixace.drawing.sampler import Sampler
from pixace.errors import UsageError
from pixace.models.build import build_model, init_model, model_with_weights, weight_shapes
from pixace.models.heads import split_model
from pixace.settings.model import ModelConfig
from pixace.settings.model_types import CONVOLUTION_TYPES
from pixace.tokens.vocabulary import token_count
from tests.tools.compiled import Compiled
from tests.tools.random_arrays import random_arrays

SIZES = {"d_model": 16, "d_ff": 16, "n_layers": 2, "kernel_size": 3}


def small(model_type: str, image_size: int = 5, bitdepth=(2, 1, 2)) -> ModelConfig:
    return ModelConfig(model_type=model_type, image_size=image_size, bitdepth=bitdepth, **SIZES)


def random_tokens(config: ModelConfig, batch_size: int) -> np.ndarray:
    high = token_count(config.bitdepth)
    rng = np.random.default_rng(1)
    return rng.integers(2, high, (batch_size, config.n_pixels)).astype(np.int32)


@pytest.mark.parametrize(
    ("model_type", "n_given"),
    [
        (model_type, n_given)
        if (model_type, n_given) in (("pixelcnn", 7), ("pixelcnn_residual", 0))
        else pytest.param(model_type, n_given, marks=pytest.mark.long)
        for model_type in CONVOLUTION_TYPES
        for n_given in (0, 1, 7, 25)
    ],
)
def test_step_by_step_equals_all_at_once(model_type, n_given):
    """A prompt in one call, then pixel by pixel."""
    config = small(model_type)
    arrays = random_arrays(config, 0.4)
    tokens = random_tokens(config, 2)
    expected = Compiled(model_with_weights(config, "eval", arrays, 2))(tokens)
    assert expected.std() > 0.1
    steps = model_with_weights(config, "predict", arrays, 2)
    fed = np.concatenate([np.zeros((2, 1), np.int32), tokens], axis=1)[:, : config.n_pixels]
    pieces = [fed[:, :n_given], *np.split(fed[:, n_given:], config.n_pixels - n_given or 1, axis=1)]
    step = jax.jit(steps.pure_fn)
    state, got = steps.state, []
    for piece in pieces:
        if piece.size:
            logits, state = step(piece, steps.weights, state, steps.rng)
            got.append(np.asarray(logits))
    np.testing.assert_allclose(np.concatenate(got, axis=1), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("model_type", "batch_size"),
    [
        ("pixelcnn", 3),
        ("pixelcnn_residual", 1),
        pytest.param("pixelcnn", 1, marks=pytest.mark.long),
        pytest.param("pixelcnn_residual", 3, marks=pytest.mark.long),
    ],
)
def test_the_sampler_draws_the_likeliest_by_the_whole_network(model_type, batch_size):
    config = small(model_type)
    arrays = random_arrays(config, 0.4)
    prompt = random_tokens(config, batch_size)[:, :6]
    sampler = Sampler(model_with_weights(config, "predict", arrays, batch_size), batch_size)
    settings = {"temperatures": [0.0] * batch_size, "seed": 0}
    *_, drawn = complete(sampler, prompt, config.n_pixels, **settings)

    whole = Compiled(model_with_weights(config, "eval", arrays, batch_size))
    tokens = np.pad(prompt, ((0, 0), (0, config.n_pixels - 6)), constant_values=2)
    for position in range(6, config.n_pixels):
        tokens[:, position] = whole(tokens)[:, position].argmax(axis=-1)
    np.testing.assert_array_equal(drawn.tokens, tokens)
    log_probs = jax.nn.log_softmax(whole(tokens))
    chosen = np.take_along_axis(np.asarray(log_probs), tokens[..., None], axis=-1)[:, 6:, 0]
    np.testing.assert_allclose(drawn.log_likelihood, chosen.sum(axis=1), rtol=1e-4)


@pytest.mark.parametrize(
    "model_type", ["pixelcnn", pytest.param("pixelcnn_residual", marks=pytest.mark.long)]
)
def test_modes_agree_and_dropout_acts_in_training_only(model_type):
    config = small(model_type)
    arrays, tokens = random_arrays(config, 0.4), random_tokens(config, 2)
    plain = model_with_weights(config, "eval", arrays, 2)
    expected = Compiled(plain)(tokens)
    for mode, dropout, recompute in (
        ("eval", 0.5, False),
        ("train", 0.0, False),
        ("train", 0.0, 1),
    ):
        model = build_model(config, mode, dropout, bool(recompute))
        init_model(model, 2, config.n_pixels, plain.weights)
        np.testing.assert_allclose(Compiled(model)(tokens), expected, atol=1e-4)
    model = build_model(config, "train", 0.5)
    init_model(model, 2, config.n_pixels, plain.weights)
    assert np.abs(Compiled(model)(tokens) - expected).max() > 1e-2
    *weights, of_head = plain.weights
    body, head = split_model(plain)
    features, _ = jax.jit(body.pure_fn)(tokens, tuple(weights), plain.state[:-1], plain.rng)
    log_probs = np.take_along_axis(jax.nn.log_softmax(expected), tokens[..., None], axis=-1)
    np.testing.assert_allclose(head.nats(of_head, features, tokens), -log_probs[..., 0], atol=1e-4)


@pytest.mark.parametrize(
    "model_type",
    [
        pytest.param("pixelcnn", marks=pytest.mark.long),
        pytest.param("pixelcnn_residual", marks=pytest.mark.slow),
    ],
)
def test_every_command_takes_them(model_type, painted, tmp_path, capsys):
    """Train, go on, complete, draw, measure, rank and plan."""
    sizes = [f"--{name}={value}" for name, value in SIZES.items()]
    model = ["--model_name=m", f"--weights_dir={tmp_path}"]
    images = [f"--images={painted / 'train'}", f"--val_images={painted / 'val'}"]
    kind = [f"--model_type={model_type}", "--image_size=6", "--bitdepth=0,0,4", *sizes]
    train = ["train", *model, *images, *kind, "--batch_size=4", "--steps_per_epoch=2"]
    assert main([*train, "--n_epochs=1"]) == 0
    assert main([*train, "--n_epochs=2"]) == 0
    assert "going on from" in capsys.readouterr().err
    prompt = f"--prompt={painted / 'val' / 'disc-000.png'}"
    drawing = [f"--out={tmp_path / 'drawn.png'}", "--temperature=0,1", "--top_k=4", "--seed=1"]
    assert main(["predict", *model, prompt, "--cut=20", *drawing, "--scale=8"]) == 0
    with Image.open(tmp_path / "drawn.png") as drawn:
        assert drawn.size == (4 * 8, 8)
        grey = np.asarray(drawn.convert("RGB"))
    assert (grey == grey[..., :1]).all(), "a picture of greys only"
    assert main(["evaluate", *model, f"--images={painted / 'val'}", "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert 0 < found["bits_per_pixel"] < 8
    assert main(["score", *model, f"--images={painted / 'val'}"]) == 0
    assert main(["plan", *kind, "--memory=1GB"]) == 0
    assert model_type in capsys.readouterr().out


@pytest.mark.parametrize("bitdepth", [(0, 0, 8), pytest.param((0, 0, 1), marks=pytest.mark.slow)])
@pytest.mark.parametrize("model_type", CONVOLUTION_TYPES)
def test_grey_and_binary_vocabularies(model_type, bitdepth):
    config = small(model_type, bitdepth=bitdepth)
    logits = model_with_weights(config, "eval", random_arrays(config, 0.4), 1)(
        random_tokens(config, 1)
    )
    assert logits.shape == (1, 25, 2 ** sum(bitdepth) + 2)


@pytest.mark.slow
def test_default_sizes():
    """By hand from the papers' layers: V=8194; d=128, f=512, k=5, and d=256, f=512, k=3."""
    head = 512 * 8194 + 8194
    skip = 128 * 128 + 128 + 128 * 512 + 512
    link = 256 * 256 + 256
    first = (2 * 5 * 128 * 256 + 256) + (2 * 128 * 256 + 256) + link + skip
    block = (3 * 5 * 128 * 256 + 256) + (3 * 128 * 256 + 256) + link + skip + 2 * 2 * 128
    gated = 8194 * 128 + first + 9 * block + (512 * 512 + 512) + head
    assert count_weights_of("pixelcnn") == gated == 12_709_890
    block = 2 * 256 + (256 * 128 + 128) + (5 * 128 * 128 + 128) + (128 * 256 + 256)
    first = 24 * 256 * 256 + 256
    residual = 8194 * 256 + first + 12 * block + 2 * 256 + (256 * 512 + 512) + head
    assert count_weights_of("pixelcnn_residual") == residual == 9_788_162


def count_weights_of(model_type: str) -> int:
    return sum(array.size for array in weight_shapes(ModelConfig(model_type)))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kernel_size": 4}, "kernel_size must be odd, not 4"),
        ({"kernel_size": 1}, "kernel_size must be from 3 to 31, not 1"),
        ({"d_model": 15}, "d_model must be even, not 15"),
    ],
)
def test_settings_that_cannot_be(settings, words):
    with pytest.raises(UsageError, match=words):
        ModelConfig.from_dict({"model_type": "pixelcnn", **settings})
