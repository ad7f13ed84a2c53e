"""The Transformer that copies: a distribution over all colours, the same in all modes."""

import dataclasses

import numpy as np
import pytest

from pixace.backend.door import jax, jnp, trax
from pixace.models.build import build_model, init_model, model_with_weights
from pixace.models.heads import split_model
from pixace.models.layers.dense_head import DenseHead
from pixace.models.layers.factored_embedding import FactoredEmbedding
from pixace.models.layers.pointer_head import PointerHead
from pixace.models.weights import count_weights, flat_weights
from pixace.settings.model import ModelConfig
from pixace.tokens.vocabulary import N_RESERVED, TRANSPARENT_ID
from tests.tools.compiled import Compiled
from tests.tools.random_arrays import random_arrays

CONFIG = ModelConfig("pointer", 6, (2, 1, 2), d_model=16, d_ff=32, n_layers=2, n_heads=2)
N_TOKENS, N_PIXELS = 34, CONFIG.n_pixels


FEW, MANY = CONFIG.bitdepth, (5, 4, 4)


@pytest.fixture(
    scope="module",
    params=[(FEW, False), (MANY, False), (FEW, True), (MANY, True)],
    ids=["few", "many", "few or none", "many or none"],
)
def config(request) -> ModelConfig:
    """Of few colours, and of so many that they are told by their factors; with transparency."""
    bitdepth, alpha = request.param
    return dataclasses.replace(CONFIG, bitdepth=bitdepth, alpha=alpha)


@pytest.fixture(scope="module")
def first(config) -> int:
    """The first id that pictures have."""
    return TRANSPARENT_ID if config.alpha else N_RESERVED


@pytest.fixture(scope="module")
def tokens(first) -> np.ndarray:
    """Two pictures of few colours, so that there is much to copy."""
    return np.random.default_rng(0).integers(first, 9, (2, N_PIXELS)).astype(np.int32)


@pytest.fixture(scope="module")
def model(config):
    """In mode eval, with weights far from those at the start."""
    return model_with_weights(config, "eval", random_arrays(config), 2)


@pytest.fixture(scope="module")
def log_p(model, tokens) -> np.ndarray:
    """Of every colour at every pixel, float64 (2, L, V)."""
    return Compiled(model)(tokens).astype(np.float64)


def of_tokens(log_p: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    return np.take_along_axis(log_p, tokens[..., None], axis=-1)[..., 0]


def head_of(model, tokens):
    """Returns the head, its weights, and what it reads."""
    body, head = split_model(model)
    *of_body, weights = model.weights
    features, _ = jax.jit(body.pure_fn)(tokens, tuple(of_body), model.state[:-1], model.rng)
    return head, weights, features


def test_probabilities_sum_to_one_at_every_pixel(log_p):
    np.testing.assert_allclose(np.exp(log_p).sum(axis=-1), 1, rtol=1e-6)


def test_reserved_ids_never_come(log_p, first):
    """But for that of transparent pixels, where they are known."""
    assert (np.exp(log_p[..., :first]) == 0).all()
    assert (np.exp(log_p[..., first:]) > 0).all()


def test_the_head_s_nats_are_those_of_its_distribution(model, tokens, log_p):
    head, weights, features = head_of(model, tokens)
    nats = jax.jit(head.nats)(weights, features, tokens)
    np.testing.assert_allclose(nats, -of_tokens(log_p, tokens), rtol=1e-5, atol=1e-5)
    total = jax.jit(head.summed_nats)(weights, features, tokens)
    np.testing.assert_allclose(total, nats.sum(), rtol=1e-6)


@pytest.mark.parametrize("is_weighted", [False, True])
def test_gradients_are_those_of_the_nats(model, tokens, is_weighted):
    head, weights, (vectors, before) = head_of(model, tokens)
    shares = np.random.default_rng(2).random(tokens.shape).astype("f") if is_weighted else None

    def summed(weights, vectors):
        return head.summed_nats(weights, (vectors, before), tokens, shares)

    def plainly(weights, vectors):
        nats = head.nats(weights, (vectors, before), tokens)
        return (nats if shares is None else nats * shares).sum()

    ours, plain = (
        jax.jit(jax.grad(f, argnums=(0, 1)))(weights, vectors) for f in (summed, plainly)
    )
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(plain), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
        assert jnp.isfinite(one).all()


def build_and_init(config):
    made = build_model(config, "eval")
    init_model(made, 1, N_PIXELS)
    return made


@pytest.mark.parametrize("bitdepth", [FEW, MANY])
def test_it_points_so_many_rows_up_and_columns_to_the_left(bitdepth):
    """By one bias alone, as features are zeros and the gate is open.

    All pixels that could be meant have a colour of their own; the likeliest tells which one was.
    """
    edge = CONFIG.image_size
    tokens = (np.arange(N_PIXELS, dtype=np.int32) % 32 + N_RESERVED)[None]
    made = build_and_init(dataclasses.replace(CONFIG, bitdepth=bitdepth))
    head, weights, (vectors, before) = head_of(made, tokens)
    plain, pointers, no_distances, (vector, gate) = weights
    points = jax.jit(head.pure_fn)
    for row, column in ((0, 1), (1, 0), (1, -1), (2, 2)):
        distances = no_distances.at[row, column + edge - 1].set(50.0)
        weights = plain, pointers, distances, (vector, gate + 60)
        log_p, _ = points((jnp.zeros_like(vectors), before), weights, (), made.rng)
        for y, x in ((2, 2), (3, 4), (2, 4)):
            source = tokens[0, (y - row) * edge + x - column]
            assert log_p[0, y * edge + x].argmax() == source
            assert log_p[0, y * edge + x, source] > -1e-3


@pytest.mark.parametrize("bitdepth", [FEW, MANY])
def test_all_residual_blocks_together_begin_as_large_as_one(bitdepth):
    """The last matrix of each is smaller than a Transformer's by the root of their number."""
    sizes = {name: getattr(CONFIG, name) for name in ("d_model", "d_ff", "n_layers", "n_heads")}
    plain = ModelConfig("transformer", CONFIG.image_size, bitdepth, **sizes)

    def spreads(config):
        blocks = build_and_init(config).weights
        matrices = [array for array in flat_weights(blocks) if array.shape == (32, 16)]
        return [float(np.std(array)) for array in matrices]

    quiet, loud = spreads(dataclasses.replace(CONFIG, bitdepth=bitdepth)), spreads(plain)
    assert len(quiet) == len(loud) == CONFIG.n_layers
    np.testing.assert_allclose(np.divide(quiet, loud), (2 * CONFIG.n_layers) ** -0.5, rtol=0.15)


def test_step_by_step_it_says_the_same(config, model, tokens, log_p, first):
    steps = Compiled(model_with_weights(config, "predict", flat_weights(model.weights), 2))
    fed = np.concatenate([np.zeros((2, 1), np.int32), tokens[:, :-1]], axis=1)
    found, start = [], 0
    for length in [1] * 8 + [20] + [1] * 8:
        found.append(steps(fed[:, start : start + length]))
        start += length
    said = np.concatenate(found, axis=1)
    np.testing.assert_allclose(said[..., first:], log_p[..., first:], atol=1e-5)


def test_mode_train_without_dropout_says_the_same(config, model, tokens, log_p, first):
    trained = build_model(config, "train", dropout=0.0, recompute=True)
    init_model(trained, 2, N_PIXELS, model.weights)
    said = Compiled(trained)(tokens)[..., first:]
    np.testing.assert_allclose(said, log_p[..., first:], atol=1e-5)


def test_at_the_first_pixel_there_is_nothing_to_copy(model, tokens, log_p):
    """Whatever the picture, its first pixel is drawn by the plain layer."""
    other = Compiled(model)((tokens + 5).astype(np.int32))
    np.testing.assert_array_equal(other[:, 0], log_p[:, 0])


def test_a_colour_that_is_there_gains_by_the_copy(model, first):
    """An open gate: what the picture has, transparency too, takes nearly all of the probability."""
    plain, to_pointer, distances, (vector, bias) = model.weights[-1]
    opened = model.weights[:-1] + ((plain, to_pointer, distances, (vector * 0, bias * 0 + 9)),)
    function = jax.jit(model.pure_fn)
    for token in (first, 7):
        tokens = np.full((1, N_PIXELS), token, np.int32)
        log_p, _ = function(tokens, opened, model.state, model.rng)
        p = np.exp(np.asarray(log_p))
        assert (p[0, 1:, token] > 0.99).all()
        assert p[0, 0, token] < 0.9


def test_pictures_need_not_be_squares():
    """The layers ask for height and width, not for a length."""
    shape, features = (4, 9), np.random.default_rng(0).normal(size=(2, 36, 8)).astype("f")
    head = PointerHead(shape, N_TOKENS, DenseHead(N_RESERVED), "eval")
    before = np.random.default_rng(0).integers(N_RESERVED, 9, (2, N_PIXELS)).astype(np.int32)
    head.init(tuple(trax.shapes.ShapeDtype(x.shape, x.dtype) for x in (features, before)))
    p = np.exp(np.asarray(head((features, before)), np.float64))
    np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=1e-6)
    assert jax.tree.leaves(head.weights)[4].shape == (4, 17)


def test_many_colours_have_few_weights_and_a_plain_start():
    """At the start all colours are about as likely; a column for each would be most weights."""
    config = dataclasses.replace(CONFIG, bitdepth=(5, 4, 4))
    made = build_model(config, "eval")
    init_model(made, 1, N_PIXELS)
    assert count_weights(made.weights[-1]) < 2 * 8192
    tokens = np.arange(N_RESERVED, N_RESERVED + 200 * N_PIXELS, 200, dtype=np.int32)[None]
    nats = -of_tokens(Compiled(made)(tokens), tokens)
    assert abs(nats.mean() - np.log(8192)) < 0.5


def test_its_settings_are_its_own():
    assert dataclasses.asdict(CONFIG)["positions"] is None
    assert "positions" not in CONFIG.to_dict()


PALETTE_OF_MANY = "palette:" + ",".join(f"{number:06x}" for number in range(4096))


@pytest.mark.parametrize(
    ("colours", "n_embeddings"),
    [("hsv:5,4,4", 2), ("rgb:4,4,4", 2), ("rgb:3,3,2", 1), ("grey:8", 1), (PALETTE_OF_MANY, 1)],
)
def test_colours_that_are_only_numbered_have_plain_vectors(colours, n_embeddings):
    sizes = {"d_model": 16, "d_ff": 32, "n_layers": 1, "n_heads": 2}
    model = build_model(ModelConfig("pointer", 4, colours=colours, **sizes), "eval")

    def count(layer) -> int:
        return isinstance(layer, FactoredEmbedding) + sum(map(count, layer.sublayers or ()))

    assert count(model) == n_embeddings  # of neighbours always, of the token before where it helps
