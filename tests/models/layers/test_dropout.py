"""Noise that is hashed, not drawn: is it noise?"""

import math

import numpy as np
import pytest

from pixace.backend.door import jax, jnp, trax
from pixace.models.layers.dropout import Dropout, dropped, hashed_bits

N = 2**17
RATES = (0.001, 0.1, 0.5, 0.9)
# As training makes them, and as alike as two can be.
KEYS = {
    "split": list(jax.random.split(jax.random.PRNGKey(7), 3)),
    "of seeds": [jax.random.PRNGKey(seed) for seed in range(3)],
    "folded": [jax.random.fold_in(jax.random.PRNGKey(7), number) for number in range(3)],
    "alike": [np.array(words, np.uint32) for words in ((5, 6), (4, 6), (5, 7), (6, 5))],
}


def bits(key, n=N) -> np.ndarray:
    return np.asarray(hashed_bits(jnp.asarray(key), (n,)))


def mask(key, rate, shape=(N,)) -> np.ndarray:
    """Returns what is kept, bool."""
    return np.asarray(dropped(jnp.ones(shape), rate, jnp.asarray(key), shape)) > 0


def assert_uncorrelated(one: np.ndarray, other: np.ndarray) -> None:
    """Their correlation, of deviation 1 / sqrt(N), is less than 5 deviations from 0."""
    r = np.corrcoef(one.ravel(), other.ravel())[0, 1]
    assert abs(r) < 5 / math.sqrt(one.size)


def assert_uniform(counts: np.ndarray) -> None:
    """Pearson's chi-square, of mean k - 1 and deviation sqrt(2 (k - 1)), is as expected.

    Counts that are too equal are no noise, either: multiples of a constant are such.
    """
    expected, freedom = counts.sum() / counts.size, counts.size - 1
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert abs(chi_square - freedom) < 5 * math.sqrt(2 * freedom)


@pytest.mark.parametrize("kind", KEYS)
def test_the_share_that_is_dropped_is_the_rate(kind):
    for key in KEYS[kind]:
        for rate in RATES:
            share = 1 - mask(key, rate).mean()
            assert abs(share - rate) < 5 * math.sqrt(rate * (1 - rate) / N)


@pytest.mark.parametrize("rate", RATES)
def test_the_mean_is_kept(rate):
    """What is not dropped is scaled up by one factor for all."""
    x = np.random.default_rng(0).normal(3, 1, (512, 512)).astype(np.float32)
    y = np.asarray(dropped(jnp.asarray(x), rate, KEYS["split"][0], x.shape))
    kept = y != 0
    np.testing.assert_allclose(y[kept], x[kept] / (1 - rate), rtol=1e-6)
    deviation = math.sqrt(rate / (1 - rate) * (x**2).mean() / x.size)
    assert abs(y.mean() - x.mean()) < 5 * deviation


def test_the_gradient_passes_where_the_activation_does():
    x, key = jnp.arange(1.0, 1001), KEYS["split"][0]
    slope = jax.grad(lambda x: dropped(x, 0.25, key, x.shape).sum())(x)
    np.testing.assert_allclose(slope, dropped(x, 0.25, key, x.shape) / x, rtol=1e-6)


def test_the_same_key_gives_the_same_noise():
    one, again = (bits(jax.random.PRNGKey(3)) for _ in range(2))
    np.testing.assert_array_equal(one, again)


@pytest.mark.parametrize("kind", KEYS)
def test_other_keys_give_other_noise(kind):
    for number, key in enumerate(KEYS[kind]):
        for other in KEYS[kind][:number]:
            for rate in RATES:
                assert_uncorrelated(mask(key, rate), mask(other, rate))
            assert_uncorrelated(bits(key), bits(other))


@pytest.mark.parametrize("kind", ["split", "folded"])
def test_each_key_s_noise_is_as_likely_beside_that_of_another(kind):
    one, *others = (bits(key) for key in KEYS[kind])
    for other in others:
        assert_uniform(np.bincount((one ^ other) >> 24, minlength=256))
        assert_uniform(np.bincount((one >> 26) * 64 + (other >> 26), minlength=4096))


@pytest.mark.parametrize("distance", [1, 2, 3, 7, 8, 64, 256, 1024])
def test_neighbours_are_dropped_independently(distance):
    """Positions in a row, in a column, or at the same place of the next head."""
    for key in KEYS["split"]:
        noise = bits(key)
        assert_uncorrelated(noise[:-distance], noise[distance:])
        for rate in RATES:
            kept = mask(key, rate)
            assert_uncorrelated(kept[:-distance], kept[distance:])


@pytest.mark.parametrize("kind", KEYS)
def test_every_number_is_as_likely(kind):
    for key in KEYS[kind]:
        noise = bits(key)
        for shift in (0, 8, 16, 24):
            assert_uniform(np.bincount((noise >> shift) & 255, minlength=256))
        pairs = (noise[:-1:2] >> 26) * 64 + (noise[1::2] >> 26)
        assert_uniform(np.bincount(pairs, minlength=4096))


def test_no_two_positions_share_their_noise():
    """Chance alone makes N^2 / 2 pairs alike in 2^32, and twice that many for two keys."""
    one, other = (np.unique(bits(key)) for key in KEYS["split"][:2])
    assert N - len(one) < 2 + 5 * math.sqrt(2)
    assert len(np.intersect1d(one, other)) < 4 + 5 * math.sqrt(4)


@pytest.mark.parametrize(
    "shape", [pytest.param((4, 6, 10), marks=pytest.mark.slow), (1, 6, 1), (240,)]
)
def test_the_noise_is_that_of_the_position_in_memory(shape):
    noise = np.asarray(hashed_bits(KEYS["split"][0], shape))
    np.testing.assert_array_equal(noise.ravel(), bits(KEYS["split"][0], noise.size))


@pytest.mark.parametrize(
    ("axes", "shape"), [([-2], (8, 1, 64)), ([0, 1], (1, 1, 64)), (None, None)]
)
def test_shared_axes_are_dropped_together(axes, shape):
    layer = Dropout(rate=0.5, shared_axes=axes, mode="train")
    x = jnp.ones((8, 16, 64))
    layer.init(trax.shapes.signature(x))
    y = np.asarray(layer(x, rng=KEYS["split"][1]))
    expected = mask(KEYS["split"][1], 0.5, shape or x.shape)
    np.testing.assert_array_equal(y, 2 * np.broadcast_to(expected, x.shape))


@pytest.mark.parametrize(
    ("mode", "rate"), [("train", 0.0), ("train", 0), ("eval", 0.5), ("predict", 0.5)]
)
def test_without_dropout_nothing_is_touched(mode, rate):
    layer = Dropout(rate=rate, mode=mode)
    x = jnp.ones((3, 5))
    layer.init(trax.shapes.signature(x))
    assert layer(x, rng=KEYS["split"][0]) is x


def test_a_layer_like_trax_s_has_its_settings():
    old = trax.layers.Dropout(rate=0.25, shared_axes=[-2], mode="train")
    new = Dropout.like(old)
    x = jnp.ones((64, 7, 64))
    for layer in (old, new):
        layer.init(trax.shapes.signature(x))
    assert new.state == old.state, "checkpoints hold it"
    for y in (np.asarray(layer(x, rng=KEYS["split"][0])) for layer in (old, new)):
        np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1], y.shape))
        assert set(np.unique(y)) == {0, np.float32(4 / 3)}
        assert abs((y[:, 0] == 0).mean() - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 64**2)
    x = jnp.ones((3, 5))
    assert Dropout.like(trax.layers.Dropout(rate=0.25, mode="eval"))(x) is x


def test_bfloat16_stays_bfloat16():
    x = jnp.ones((64, 64), jnp.bfloat16)
    y = dropped(x, 0.25, KEYS["split"][0], x.shape)
    assert y.dtype == jnp.bfloat16
    kept = np.asarray(y) != 0
    np.testing.assert_array_equal(kept, mask(KEYS["split"][0], 0.25, x.shape))
    np.testing.assert_array_equal(np.asarray(y)[kept], np.asarray(jnp.bfloat16(4 / 3)))
