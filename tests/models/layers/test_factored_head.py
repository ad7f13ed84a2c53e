"""Colours told by their factors: one distribution, of all tokens or of the true ones alone."""

import math

import numpy as np
import pytest

from pixace.backend.door import jax, jnp
from pixace.models.layers.factored_head import FactoredHead
from pixace.tokens.codec import AlphaCodec
from pixace.tokens.hsv import HsvCodec
from pixace.tokens.vocabulary import N_RESERVED, TRANSPARENT_ID

D = 5


def mixed_up() -> np.ndarray:
    """Factors of a codec whose tokens are in no order, with one reserved id among them."""
    levels = np.array(list(np.ndindex(2, 3, 1, 4)) + [(-1, -1, -1, -1)], np.int32)
    return np.random.default_rng(0).permutation(levels)


TABLES = {
    "hsv": HsvCodec((3, 2, 2)).factors(),
    "grey": HsvCodec((0, 0, 3)).factors(),
    "no saturation": HsvCodec((3, 0, 2)).factors(),
    "mixed up": mixed_up(),
    "transparent": AlphaCodec(HsvCodec((3, 2, 2))).factors(),
    "transparent or not": AlphaCodec(HsvCodec((3, 2, 0))).factors(),
    "one factor": np.array([[-1], [2], [0], [1]], np.int32),
}


def is_token(factors: np.ndarray) -> np.ndarray:
    return (factors >= 0).any(axis=1)


def made(factors: np.ndarray, shape: tuple[int, int] = (2, 30)):
    """Returns a head, weights far from those at the start, features (*shape, D) and tokens."""
    head, rng = FactoredHead(factors), np.random.default_rng(1)
    start = head.init(jax.random.PRNGKey(0), D, len(factors))
    weights = jax.tree.map(lambda array: jnp.asarray(rng.normal(size=array.shape), "f"), start)
    colours = np.flatnonzero(is_token(factors))
    features = jnp.asarray(rng.normal(size=(*shape, D)), "f")
    return head, weights, features, rng.choice(colours, shape).astype(np.int32)


def by_all(head, weights, features, tokens):
    """Returns -ln p of tokens, as the distribution over all has it."""
    log_p = head.log_probabilities(weights, features)
    return -jnp.take_along_axis(log_p, tokens[..., None], axis=-1)[..., 0]


@pytest.fixture(params=TABLES)
def factors(request) -> np.ndarray:
    return TABLES[request.param]


def test_probabilities_sum_to_one_and_reserved_ids_have_none(factors):
    head, weights, features, _ = made(factors)
    log_p = head.log_probabilities(weights, features)
    assert (log_p.shape, log_p.dtype) == ((2, 30, len(factors)), np.float32)
    p = np.exp(np.asarray(log_p, np.float64))
    np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=1e-5)
    assert (p[..., ~is_token(factors)] == 0).all()
    assert (p[..., is_token(factors)] > 0).all()


def test_nats_are_those_of_the_distribution(factors):
    arguments = made(factors)
    nats = arguments[0].nats(*arguments[1:])
    assert nats.dtype == np.float32
    np.testing.assert_allclose(nats, by_all(*arguments), rtol=1e-4, atol=1e-4)


def test_a_reserved_id_is_no_surprise_but_impossible():
    head, weights, features, tokens = made(TABLES["hsv"])
    assert (head.nats(weights, features, tokens * 0) >= 1e30).all()


def test_each_factor_is_told_by_those_before_it():
    """What makes saturation and hue changes no probability of a value; hue, none of both."""
    head, (value, saturation, hue), features, _ = made(TABLES["hsv"])
    other = jax.tree.map(lambda array: array + 1, (saturation, hue))

    def p(weights):
        p = np.exp(head.log_probabilities(weights, features))[..., N_RESERVED:]
        return p.reshape(2, 30, 4, 4, 8)  # a token counts hue up first, value last

    all_as_they_are, other_hue = p((value, saturation, hue)), p((value, saturation, other[1]))
    of_value = jax.nn.softmax(features @ value[0] + value[1])
    np.testing.assert_allclose(all_as_they_are.sum(axis=(-1, -2)), of_value, rtol=1e-4)
    np.testing.assert_allclose(p((value, *other)).sum(axis=(-1, -2)), of_value, rtol=1e-4)
    np.testing.assert_allclose(other_hue.sum(axis=-1), all_as_they_are.sum(axis=-1), rtol=1e-4)
    assert abs(other_hue - all_as_they_are).max() > 0.01


def test_a_token_by_itself_is_told_with_the_first_factor():
    """Whatever makes saturation and hue has no say in it."""
    head, (value, *others), features, tokens = made(TABLES["transparent"])
    transparent = np.full_like(tokens, TRANSPARENT_ID)
    p = np.asarray(jax.nn.softmax(features @ value[0] + value[1]))[..., -1]
    for weights in ((value, *others), (value, *jax.tree.map(lambda array: array + 1, others))):
        np.testing.assert_allclose(np.exp(-head.nats(weights, features, transparent)), p, rtol=1e-4)
        log_p = head.log_probabilities(weights, features)
        np.testing.assert_allclose(np.exp(log_p)[..., TRANSPARENT_ID], p, rtol=1e-4)


@pytest.mark.parametrize("n_positions", [30, 2050])  # within one chunk of positions, and beyond
@pytest.mark.parametrize("is_mixed", [False, True])
@pytest.mark.parametrize("table", ["no saturation", "transparent"])
def test_gradients_are_those_of_the_distribution(table, n_positions, is_mixed):
    head, weights, features, tokens = made(TABLES[table], (2, n_positions))
    rng = np.random.default_rng(2)
    counts = rng.integers(0, 3, tokens.shape).astype("f")
    mixture = tuple(np.log(rng.random((2, *tokens.shape)).astype("f") / 2)) if is_mixed else None

    def ours(weights, features):
        return head.summed_nats(weights, features, tokens, counts, mixture)

    def plainly(weights, features):
        nats = by_all(head, weights, features, tokens)
        if mixture is not None:
            nats = -jnp.log(jnp.exp(mixture[0] - nats) + jnp.exp(mixture[1]))
        return (nats * counts).sum()

    found, expected = (
        jax.jit(jax.value_and_grad(of, argnums=(0, 1)))(weights, features) for of in (ours, plainly)
    )
    for one, another in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, another, rtol=1e-3, atol=1e-3)


def test_half_precision():
    head, weights, features, tokens = made(TABLES["hsv"])
    halves = jax.tree.map(lambda array: array.astype(jnp.bfloat16), (weights, features))
    rounded = jax.tree.map(lambda array: array.astype(jnp.float32), halves)
    sums = head.nats(*halves, tokens), head.nats(*rounded, tokens)
    assert sums[0].dtype == np.float32
    np.testing.assert_allclose(*sums, rtol=0.02, atol=0.1)
    gradients = jax.grad(head.summed_nats)(*halves, tokens)
    assert {array.dtype for array in jax.tree.leaves(gradients)} == {jnp.dtype(jnp.bfloat16)}


def test_at_the_start_all_colours_are_about_as_likely():
    factors = HsvCodec((5, 4, 4)).factors()
    head, _, features, tokens = made(factors)
    weights = head.init(jax.random.PRNGKey(0), D, len(factors))
    assert abs(head.nats(weights, features, tokens).mean() - math.log(8192)) < 0.1


def test_a_loss_needs_little_memory():
    """64 pictures of 32x32: all logits would be 2 GB, and hidden layers kept 34 MB."""
    head, weights, _, _ = made(HsvCodec((5, 4, 4)).factors())
    features = jax.ShapeDtypeStruct((64, 1024, D), jnp.float32)
    tokens = jax.ShapeDtypeStruct((64, 1024), jnp.int32)
    step = jax.jit(jax.value_and_grad(head.summed_nats, argnums=(0, 1)))
    plan = step.lower(weights, features, tokens).compile().memory_analysis()
    assert plan.temp_size_in_bytes < 30e6
