"""Attention in blocks of queries, beside the plain formula and beside trax's layers."""

import functools
import math

import numpy as np
import pytest

from pixace.backend.door import jax, jnp, trax
from pixace.models.layers.causal_attention import (
    CausalAttention,
    CausalSelfAttention,
    causal_attention,
)

LENGTHS = [1, 255, 256, 257, 600]  # around one block of queries, and several
KEY = jax.random.PRNGKey(5)


def random_inputs(length: int, d_key: int = 4, d_value: int = 3, scale: float = 1.0):
    """Returns queries, keys and values of two pictures with two heads each."""
    rng = np.random.default_rng(length)
    shapes = [(2, 2, length, depth) for depth in (d_key, d_key, d_value)]
    return [scale * rng.normal(size=shape).astype(np.float32) for shape in shapes]


def plain_attention(queries, keys, values):
    """The formula, all scores at once."""
    scores = queries @ jnp.swapaxes(keys, -1, -2) / math.sqrt(queries.shape[-1])
    scores = jnp.where(jnp.tri(queries.shape[-2], dtype=bool), scores, -jnp.inf)
    return jax.nn.softmax(scores) @ values


@functools.cache
def output_and_gradients(function):
    """Compiles a function of queries, keys and values together with its way back."""

    def run(inputs, output_gradient):
        output, backward = jax.vjp(function, *inputs)
        return output, *backward(output_gradient)

    return jax.jit(run)


@pytest.mark.parametrize("scale", [1.0, 12.0])
@pytest.mark.parametrize("length", LENGTHS)
def test_it_is_the_formula_and_so_is_its_gradient(length, scale):
    """Also where one position outweighs all others: scores up to some hundreds."""
    inputs = random_inputs(length, scale=scale)
    gradient = np.random.default_rng(1).normal(size=inputs[2].shape).astype(np.float32)
    expected = output_and_gradients(plain_attention)(inputs, gradient)
    got = output_and_gradients(causal_attention)(inputs, gradient)
    for array, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(array, other, atol=5e-5 * np.abs(other).max())


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_no_position_sees_a_later_one(dropout):
    inputs = random_inputs(600)
    attend = functools.partial(causal_attention, dropout=dropout, rng=KEY)
    run = jax.jit(lambda gradient: jax.vjp(attend, *inputs)[1](gradient))
    for position in (0, 1, 254, 255, 256, 257, 511, 512, 599):
        gradient = np.zeros(inputs[2].shape, np.float32)
        gradient[..., position, :] = 1
        of_queries, of_keys, of_values = (np.asarray(array) for array in run(gradient))
        assert not of_queries[..., :position, :].any()
        for array in (of_queries, of_keys, of_values):
            assert not array[..., position + 1 :, :].any()
        if not dropout:
            assert of_values[..., : position + 1, :].all(), "it sees all others"


def test_numbers_of_half_precision_stay_so():
    inputs = random_inputs(300)
    halves = [jnp.asarray(array, jnp.bfloat16) for array in inputs]
    got = causal_attention(*halves)
    assert got.dtype == jnp.bfloat16
    dropping = causal_attention(*halves, dropout=0.5, rng=KEY)
    assert dropping.dtype == jnp.bfloat16
    # 8 bits of fraction: inputs, shares and sums are each rounded by 1/256 at the most.
    np.testing.assert_allclose(got.astype(np.float32), plain_attention(*inputs), atol=0.05)


def shares(length: int, dropout: float, **options) -> np.ndarray:
    """Returns what each position takes of each: all alike, where nothing is dropped."""
    zeros = jnp.zeros((2, 2, length, 1))
    values = jnp.broadcast_to(jnp.eye(length), (2, 2, length, length))
    return np.asarray(causal_attention(zeros, zeros, values, dropout=dropout, **options))


@pytest.mark.parametrize("shared_noise", [False, True])
@pytest.mark.parametrize("dropout", [0.1, 0.5])
def test_dropout_leaves_out_its_share_of_probabilities(dropout, shared_noise):
    length = 512
    got = shares(length, dropout, rng=KEY, shared_noise=shared_noise)
    visible = np.tri(length, dtype=bool)
    assert not got[..., ~visible].any()
    kept = got > 0
    deviation = math.sqrt(dropout * (1 - dropout) / visible.sum())
    for one in kept.reshape(-1, length, length):
        assert abs((1 - one[visible].mean()) - dropout) < 5 * deviation
    expected = 1 / np.arange(1, length + 1)[:, None] / (1 - dropout)
    np.testing.assert_allclose(got, kept * expected, rtol=1e-5)


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return abs(np.corrcoef(one, other)[0, 1])


def test_shared_noise_is_the_same_for_all_heads():
    length = 300
    visible = np.tri(length, dtype=bool)
    shared, own = (
        (shares(length, 0.5, rng=KEY, shared_noise=shared) > 0).reshape(4, length, length)
        for shared in (True, False)
    )
    for head in range(1, 4):
        np.testing.assert_array_equal(shared[head], shared[0])
        assert correlation(own[head][visible], own[0][visible]) < 5 / math.sqrt(visible.sum())


def test_blocks_do_not_share_their_noise():
    """Two blocks of one key would drop the same numbers, counted from their first."""
    kept = shares(512, 0.5, rng=KEY)[0, 0] > 0
    visible = np.tri(512, dtype=bool)
    size = 256 * 256
    first, second = (array[:256, :256].ravel() for array in (kept, visible))
    other, there = (array[256:].ravel()[:size] for array in (kept, visible))
    both = second & there
    assert correlation(first[both], other[both]) < 5 / math.sqrt(both.sum())
    below = kept[256:, :256].ravel()  # the second block's, at the same queries and keys
    assert correlation(first[second], below[second]) < 5 / math.sqrt(second.sum())


@pytest.mark.parametrize("shared_noise", [False, True])
def test_on_average_dropout_changes_nothing(shared_noise):
    inputs = random_inputs(300)
    n_keys = 300

    def attend(key):
        return causal_attention(*inputs, dropout=0.25, rng=key, shared_noise=shared_noise)

    outputs = np.asarray(jax.lax.map(jax.jit(attend), jax.random.split(KEY, n_keys)))
    deviation = outputs.std(axis=0) / math.sqrt(n_keys)
    error = np.abs(outputs.mean(axis=0) - plain_attention(*inputs))
    assert deviation.max() > 0.05, "there is noise"
    assert (error < 6 * deviation + 1e-6).all()


def both_layers(kind: str, mode: str, length: int, **dropout):
    """Returns trax's layer, ours with the same weights, and inputs."""
    rng = np.random.default_rng(0)
    if kind == "transformer":
        plain = trax.layers.attention.DotProductCausalAttention(mode=mode, **dropout)
        ours = CausalAttention.like(plain)
        inputs = tuple(rng.normal(size=(3, length, 4)).astype(np.float32) for _ in range(3))
    else:
        sizes = {"n_heads": 2, "d_qk": 4, "d_v": 6, "causal": True, "mode": mode, **dropout}
        plain, ours = trax.layers.SelfAttention(**sizes), CausalSelfAttention(**sizes)
        inputs = rng.normal(size=(3, length, 8)).astype(np.float32)
    for layer in (plain, ours):
        layer.init(trax.shapes.signature(inputs))
    ours.weights = plain.weights
    return plain, ours, inputs


DROPOUT = {
    "transformer": {"dropout": 0.5},
    "reformer": {"attention_dropout": 0.5, "output_dropout": 0.5},
}


@pytest.mark.parametrize("kind", DROPOUT)
def test_layers_give_what_those_of_trax_give(kind):
    """In mode eval, whatever dropout they have for training."""
    for mode, dropout in (("train", {}), ("eval", DROPOUT[kind])):
        plain, ours, inputs = both_layers(kind, mode, 300, **dropout)
        np.testing.assert_allclose(ours(inputs, rng=KEY), plain(inputs, rng=KEY), atol=1e-5)


@pytest.mark.parametrize("kind", DROPOUT)
def test_layers_drop_as_those_of_trax_do(kind):
    """Mean and deviation of each output over many keys: who shares whose noise shows in these."""
    n_keys = 1000
    keys = jax.random.split(KEY, n_keys)
    plain, ours, inputs = both_layers(kind, "train", 6, **DROPOUT[kind])
    moments = []
    for layer in (plain, ours):
        weights, state = layer.weights, layer.state

        def run(key, layer=layer, weights=weights, state=state):
            output = layer.pure_fn(inputs, weights, state, key)[0]
            return jnp.stack([output, jnp.broadcast_to(output.mean(axis=0), output.shape)])

        outputs = np.asarray(jax.jit(jax.vmap(run))(keys))
        moments.append((outputs.mean(axis=0), outputs.std(axis=0)))
    (mean, deviation), (our_mean, our_deviation) = moments
    assert (np.abs(our_mean - mean) < 6 * deviation * math.sqrt(2 / n_keys) + 1e-5).all()
    np.testing.assert_allclose(our_deviation, deviation, rtol=0.2)


@pytest.mark.parametrize(
    "settings", [{"causal": False}, {"masked": True}, {"chunk_len": 4}, {"share_qk": True}]
)
def test_other_attention_is_refused(settings):
    with pytest.raises(ValueError, match="only plain causal attention"):
        CausalSelfAttention(**{"causal": True, **settings})
