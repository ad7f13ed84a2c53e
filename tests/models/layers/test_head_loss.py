import numpy as np
import pytest

from pixace.backend.door import jax, jnp
from pixace.models.layers.head_loss import summed_nats, token_nats

D, V = 5, 11
ROWS = [1, 1023, 1024, 1025, 3000]  # around one chunk of positions, and several


def case(n_rows: int, scale: float = 1.0):
    """Returns features, head and tokens, the first and last of the vocabulary among these."""
    rng = np.random.default_rng(n_rows)
    shapes = (n_rows, D), (D, V), (V,)
    features, matrix, bias = (scale * rng.normal(size=shape).astype("f") for shape in shapes)
    tokens = rng.integers(0, V, n_rows).astype(np.int32)
    tokens[:1], tokens[1:2], tokens[-1:] = 0, V - 1, V - 1
    return features, (matrix, bias), tokens


def plain_nats(features, head, tokens):
    """-ln p of each token, float32 (N,), by the formula and all logits at once."""
    matrix, bias = head
    log_probs = jax.nn.log_softmax(features @ matrix + bias)
    return -jnp.take_along_axis(log_probs, tokens[:, None], axis=-1)[:, 0]


def plain_sum(*arguments):
    return plain_nats(*arguments).sum()


NATS = (summed_nats, plain_sum)


def value_and_gradients(function, features, head, tokens) -> list[np.ndarray]:
    """Returns a sum and its gradients for features, matrix and bias."""
    compiled = jax.jit(jax.value_and_grad(function, argnums=(0, 1)))
    return [np.asarray(leaf) for leaf in jax.tree.leaves(compiled(features, head, tokens))]


@pytest.mark.parametrize("n_rows", ROWS)
def test_it_is_the_formula(n_rows):
    arguments = case(n_rows)
    expected = plain_nats(*arguments)
    got = jax.jit(token_nats)(*arguments)
    assert (got.shape, got.dtype) == ((n_rows,), np.float32)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(summed_nats(*arguments), expected.sum(), rtol=1e-5)


@pytest.mark.parametrize("n_rows", ROWS)
def test_its_gradient_is_that_of_the_formula(n_rows):
    arguments = case(n_rows)
    expected = value_and_gradients(plain_sum, *arguments)
    got = value_and_gradients(summed_nats, *arguments)
    for array, other in zip(got, expected, strict=True):
        assert (array.shape, array.dtype) == (other.shape, np.float32)
        np.testing.assert_allclose(array, other, rtol=1e-4, atol=1e-4)


def test_the_gradient_of_what_is_made_of_it():
    """The mean over the positions, squared: its slope depends on its value."""
    arguments = case(1025)
    functions = (lambda *args, nats=nats: (nats(*args) / 1025) ** 2 for nats in NATS)
    got, expected = (value_and_gradients(function, *arguments) for function in functions)
    for array, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(array, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("token", [0, V - 1])
def test_the_first_and_the_last_token(token):
    """Alone, so that no other token's gradient hides theirs."""
    features, head, _ = case(3)
    arguments = features, head, np.full(3, token, np.int32)
    got, expected = (value_and_gradients(nats, *arguments) for nats in NATS)
    for array, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(array, other, rtol=1e-5, atol=1e-5)
    bias_gradient = got[-1]
    assert bias_gradient[token] < 0 < np.delete(bias_gradient, token).min()


def test_logits_of_any_size():
    """Thousands, whose exponentials no float32 holds."""
    arguments = case(1025, scale=50)
    for array in value_and_gradients(summed_nats, *arguments):
        assert np.isfinite(array).all()
    expected = plain_nats(*arguments)
    assert expected.max() > 1000
    np.testing.assert_allclose(token_nats(*arguments), expected, rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize("n_rows", [1, 1024, 1025, 3000])
def test_half_precision(n_rows):
    """Sums are float32; each feature's gradient is rounded to the 8 bits of bfloat16."""
    features, head, tokens = case(n_rows)
    halves = jax.tree.map(lambda array: jnp.asarray(array, jnp.bfloat16), (features, head))
    rounded = jax.tree.map(lambda array: array.astype(jnp.float32), halves)
    nats = token_nats(*halves, tokens)
    assert nats.dtype == np.float32
    np.testing.assert_allclose(nats, plain_nats(*rounded, tokens), rtol=1e-4, atol=1e-4)
    got = value_and_gradients(summed_nats, *halves, tokens)
    expected = value_and_gradients(plain_sum, *rounded, tokens)
    assert [array.dtype for array in got] == [np.float32] + 3 * [jnp.bfloat16]
    np.testing.assert_allclose(got[0], expected[0], rtol=1e-4)
    for array, other in zip(got[1:], expected[1:], strict=True):
        error = np.abs(array.astype(np.float32) - other).max()
        assert error < 2 / 256 * np.abs(other).max()


@pytest.mark.parametrize("n_rows", [1, 1024, 1025, 3000])
def test_weights_multiply_values_and_gradients(n_rows):
    """Whole numbers, zero among them: as if each token were there so many times."""
    features, head, tokens = case(n_rows)
    counts = np.random.default_rng(1).integers(0, 3, n_rows)
    arguments = features, head, tokens, counts.astype(np.float32)

    def repeated(features, head):
        return plain_sum(features.repeat(counts, axis=0), head, tokens.repeat(counts))

    got = jax.jit(jax.value_and_grad(summed_nats, argnums=(0, 1)))(*arguments)
    expected = jax.value_and_grad(repeated, argnums=(0, 1))(jnp.asarray(features), head)
    for array, other in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(array, other, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(summed_nats(*arguments), expected[0], rtol=1e-5)


def test_what_weighs_nothing_has_no_gradient():
    features, head, tokens = case(5)
    weights = np.array([0, 1, 0, 1, 0], np.float32)
    gradient = jax.grad(summed_nats)(features, head, tokens, weights)
    assert [bool(np.any(row)) for row in np.asarray(gradient)] == [False, True, False, True, False]
