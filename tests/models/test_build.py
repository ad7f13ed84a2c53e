import functools

import numpy as np
import pytest

from pixace.backend.door import jax, trax
from pixace.models.build import build_model, init_model, model_with_weights, weight_shapes
from pixace.models.weights import (
    count_weights,
    flat_weights,
    nested_weights,
)
from pixace.settings.model import POSITIONS, ModelConfig
from pixace.settings.model_types import ATTENTION_TYPES, MODEL_TYPES, has_setting
from pixace.tokens.vocabulary import token_count
from tests.conftest import POINTER_TOO, TRANSFORMER_AND_SLOWLY_REFORMER
from tests.tools.compiled import Compiled
from tests.tools.plain_trax import plain_model
from tests.tools.random_arrays import random_arrays
from tests.tools.tiny import tiny_sizes


def small(model_type: str, image_size: int = 5, **sizes) -> ModelConfig:
    defaults = {"bitdepth": (3, 2, 2), "d_model": 32, "d_ff": 64, "n_layers": 2, "n_heads": 2}
    return ModelConfig(model_type=model_type, image_size=image_size, **{**defaults, **sizes})


def random_tokens(config: ModelConfig, batch_size: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    high = token_count(config.bitdepth)
    return rng.integers(2, high, (batch_size, config.n_pixels)).astype(np.int32)


PROMPTS = [
    *(("sequence", *case) for case in [(5, 0), (5, 1), (5, 12), (5, 24), (8, 40), (46, 2110)]),
    *(("grid", *case) for case in [(5, 0), (8, 40)]),
]


@pytest.mark.parametrize(
    ("model_type", "positions", "image_size", "prompt_length"),
    [
        *(("transformer", *case) for case in PROMPTS),
        *(
            pytest.param(
                "reformer",
                *case,
                marks=pytest.mark.slow if case in PROMPTS[2::5] else pytest.mark.long,
            )
            for case in PROMPTS
        ),
    ],
)
def test_step_by_step_equals_all_at_once(model_type, positions, image_size, prompt_length):
    """A prompt in one call, then token by token, also beyond trax's fixed 2048 positions."""
    config = small(model_type, image_size, d_model=16, d_ff=16, n_layers=1, positions=positions)
    whole = build_model(config, "eval")
    init_model(whole, 2, 1)
    steps = build_model(config, "predict")
    init_model(steps, 2, 1, whole.weights)
    tokens = random_tokens(config, 2)
    expected = Compiled(whole)(tokens)

    fast = Compiled(steps)
    start = np.zeros((2, 1), np.int32)
    got = [fast(np.concatenate([start, tokens[:, :prompt_length]], axis=1))]
    end = min(config.n_pixels - 1, prompt_length + 30)
    got += [fast(tokens[:, i : i + 1]) for i in range(prompt_length, end)]
    got = np.concatenate(got, axis=1)
    np.testing.assert_allclose(got, expected[:, : end + 1], atol=2e-5)


@pytest.mark.parametrize("image_size", [5, pytest.param(24, marks=pytest.mark.slow)])
@pytest.mark.parametrize("model_type", ATTENTION_TYPES)
def test_the_logits_are_those_of_plain_trax(model_type, image_size):
    """Of the same weights: in every mode that sees whole pictures, in one block and in several."""
    config = small(model_type, image_size, d_model=16, d_ff=16, n_layers=1)
    plain = plain_model(config, "eval")
    init_model(plain, 3, config.n_pixels)
    for array in flat_weights(plain.weights):
        assert array.dtype == np.float32
    tokens = random_tokens(config, 3)
    expected = Compiled(plain)(tokens)
    assert expected.std() > 0.1
    for mode, options in (
        ("eval", {"dropout": 0.5}),
        ("train", {"recompute": False}),
        ("train", {"recompute": True}),
    ):
        model = build_model(config, mode, **options)
        init_model(model, 3, config.n_pixels, plain.weights)
        np.testing.assert_allclose(Compiled(model)(tokens), expected, atol=1e-4)


@pytest.mark.parametrize("model_type", TRANSFORMER_AND_SLOWLY_REFORMER)
def test_dropout_is_that_of_plain_trax(model_type):
    """Mean and deviation of the logits over many keys: the noise is another one."""
    config = small(model_type, 3, d_model=16, d_ff=16, n_layers=1)
    tokens = random_tokens(config, 2)
    n_keys = 300
    keys = jax.random.split(jax.random.PRNGKey(0), n_keys)
    plain, ours = plain_model(config, "train", 0.3), build_model(config, "train", 0.3)
    init_model(plain, *tokens.shape)
    init_model(ours, *tokens.shape, plain.weights)
    moments = []
    for model in (plain, ours):
        weights, state = model.weights, model.state

        def run(key, model=model, weights=weights, state=state):
            return model.pure_fn(tokens, weights, state, key)[0]

        logits = np.asarray(jax.jit(lambda keys: jax.lax.map(run, keys))(keys))
        moments.append((logits.mean(axis=0), logits.std(axis=0)))
    (mean, deviation), (our_mean, our_deviation) = moments
    assert deviation.min() > 0.1, "there is noise"
    assert (np.abs(our_mean - mean) < 6 * deviation * np.sqrt(2 / n_keys)).all()
    np.testing.assert_allclose(our_deviation, deviation, rtol=0.4)  # one of thousands may be rare
    assert abs((our_deviation / deviation).mean() - 1) < 0.03


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("model_type", ATTENTION_TYPES)
def test_no_pixel_sees_itself_or_a_later_one(model_type, positions):
    config = small(model_type, positions=positions)
    model = build_model(config, "eval")
    init_model(model, 1, 1)
    tokens, said = random_tokens(config, 1), Compiled(model)
    before = said(tokens)
    for position in (0, 7, 24):
        changed = tokens.copy()
        changed[0, position] = 2 if tokens[0, position] != 2 else 3
        after = said(changed)
        np.testing.assert_array_equal(after[:, : position + 1], before[:, : position + 1])
        if position + 1 < config.n_pixels:
            assert np.abs(after[:, position + 1 :] - before[:, position + 1 :]).max() > 1e-4


@pytest.mark.parametrize(
    ("model_type", "weights"),
    # V=8194, L=1024, d=512, f=2048: by hand from the layers, see `expected_weights`.
    [("transformer", 27_838_466), ("reformer", 32_022_530)],
)
def test_default_sizes(model_type, weights):
    config = ModelConfig(model_type=model_type)
    assert expected_weights(config) == weights
    model = build_model(config, "eval")
    shapes = jax.eval_shape(lambda: model.init(trax.shapes.ShapeDtype((1, 1), np.int32))[0])
    assert sum(int(np.prod(leaf.shape)) for leaf in jax.tree_util.tree_leaves(shapes)) == weights


@pytest.mark.parametrize("model_type", ATTENTION_TYPES)
def test_a_grid_s_rows_and_columns_take_the_place_of_its_pixels(model_type):
    sequence, grid = small(model_type, 5), small(model_type, 5, positions="grid")
    more = sum(map(np.size, weight_shapes(sequence))) - sum(map(np.size, weight_shapes(grid)))
    assert more == (5 * 5 - 5) * sequence.d_model


@pytest.mark.parametrize(
    ("model_type", "positions"),
    [("transformer", "grid"), ("pointer", None), ("pixelcnn", None), ("pixelcnn_residual", None)],
)
def test_columns_of_an_oblong_picture_are_rows_of_it_turned(model_type, positions):
    """Which pixels are neighbours goes by the length of the lines that they come in."""
    shape = {"bitdepth": (2, 1, 2), **tiny_sizes(model_type), "positions": positions}
    lying = ModelConfig(model_type, image_size="5x3", **shape)
    upright = ModelConfig(model_type, image_size="3x5", scan="columns", **shape)
    rng = np.random.default_rng(0)
    arrays = [rng.normal(0, 0.5, each.shape).astype("f") for each in weight_shapes(lying)]
    tokens = random_tokens(lying, 2)
    one, other = (
        Compiled(model_with_weights(config, "eval", arrays, 2))(tokens)
        for config in (lying, upright)
    )
    assert one[..., 2:].std() > 0.1
    np.testing.assert_array_equal(other, one)
    signature = trax.shapes.ShapeDtype((2, 1), np.int32)
    models = [build_model(config, "predict") for config in (lying, upright)]
    made = [jax.eval_shape(functools.partial(model.init, signature)) for model in models]
    assert made[0] == made[1], "weights, and what it remembers while it draws"


def expected_weights(config: ModelConfig) -> int:
    """Counts the weights of trax's two language models from their published structure."""
    n_tokens, d, f = token_count(config.bitdepth), config.d_model, config.d_ff
    embeddings = n_tokens * d + config.n_pixels * d
    feed_forward = d * f + f + f * d + d
    if config.model_type == "transformer":
        block = 2 * 2 * d + 4 * (d * d + d) + feed_forward
        return embeddings + config.n_layers * block + 2 * d + (d * n_tokens + n_tokens)
    block = 2 * 2 * d + 4 * d * d + feed_forward
    return embeddings + config.n_layers * block + 2 * 2 * d + (2 * d * n_tokens + n_tokens)


def test_count_weights_counts_every_number():
    model = build_model(small("transformer"), "eval")
    init_model(model, 1, 1)
    assert count_weights(model.weights) == expected_weights(small("transformer"))


@pytest.mark.parametrize("model_type", [*ATTENTION_TYPES, "pointer"])
def test_flat_weights_go_round(model_type):
    config = small(model_type)
    one, other = build_model(config, "eval"), build_model(config, "eval")
    init_model(one, 1, 1)
    flat = map(np.asarray, flat_weights(one.weights))
    init_model(other, 1, 1, nested_weights(flat, one.weights))
    tokens = random_tokens(config, 2)
    np.testing.assert_array_equal(Compiled(one)(tokens), Compiled(other)(tokens))


def test_dropout_acts_in_training_only():
    config = small("transformer")
    tokens = random_tokens(config, 1)
    models = [build_model(config, "train", 0.5)]
    models += [build_model(config, "eval", rate) for rate in (0.5, 0.0)]
    init_model(models[0], 1, 1)
    for model in models[1:]:
        init_model(model, 1, 1, models[0].weights)
    train, dropping, plain = (Compiled(model)(tokens) for model in models)
    np.testing.assert_array_equal(dropping, plain)
    assert np.abs(train - plain).max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["eval", "predict"])
@pytest.mark.parametrize("model_type", POINTER_TOO)
def test_given_weights_need_no_random_ones(model_type, mode):
    config = small(model_type)
    drawn = build_model(config, mode)
    init_model(drawn, 2, 1)
    given = model_with_weights(
        config, mode, [np.asarray(a) for a in flat_weights(drawn.weights)], 2
    )
    tokens = random_tokens(config, 2)
    given, drawn = Compiled(given), Compiled(drawn)
    for position in range(3):
        one = tokens[:, position : position + 1]
        np.testing.assert_allclose(given(one), drawn(one), atol=1e-6)


@pytest.mark.parametrize("mode", ["eval", "predict"])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_ids_of_no_colour_have_no_probability(model_type, alpha, mode):
    sizes = {"d_model": 16, "d_ff": 32, "n_layers": 1, "image_size": 3}
    sizes |= {"n_heads": 2} if has_setting(model_type, "n_heads") else {}
    config = ModelConfig(model_type, colours="palette:ff004d,1d2b53", alpha=alpha, **sizes)
    model = model_with_weights(config, mode, random_arrays(config), 2)
    tokens = np.full((2, 1 if mode == "predict" else 9), 2, np.int32)
    log_p = jax.nn.log_softmax(Compiled(model)(tokens))
    share = np.exp(np.asarray(log_p)).reshape(-1, 4).min(axis=0)
    assert (share[:1] == 0).all() and (share[1] > 0) == alpha and (share[2:] > 0).all()
