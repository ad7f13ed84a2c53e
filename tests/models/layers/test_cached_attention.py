import numpy as np
import pytest

from pixace.backend.door import trax
from pixace.models.layers.cached_attention import CachedSelfAttention

LENGTH = 12
SIZES = {"n_heads": 2, "d_qk": 4, "d_v": 6, "causal": True}


def layers(batch_size: int):
    """Returns trax's layer in mode predict and ours, with the same weights."""
    plain = trax.layers.SelfAttention(
        **SIZES, mode="predict", predict_mem_len=LENGTH + 1, predict_drop_len=LENGTH + 1
    )
    cached = CachedSelfAttention(max_len=LENGTH, **SIZES, mode="predict")
    signature = trax.shapes.ShapeDtype((batch_size, 1, 8), np.float32)
    plain.init(signature)
    cached.init(signature)
    cached.weights = plain.weights
    return plain, cached


@pytest.mark.parametrize(
    "pieces",
    [
        [1] * LENGTH,
        [5, 1, 1, 3, 2],
        pytest.param([LENGTH], marks=pytest.mark.slow),
        pytest.param([LENGTH - 1, 1], marks=pytest.mark.slow),
    ],
)
def test_it_gives_what_trax_gives(pieces):
    plain, cached = layers(batch_size=3)
    x = np.random.default_rng(0).normal(size=(3, LENGTH, 8)).astype(np.float32)
    done = 0
    for piece in pieces:
        new = x[:, done : done + piece]
        np.testing.assert_allclose(cached(new), plain(new), atol=1e-6)
        done += piece


def test_a_new_sequence_starts_from_the_empty_memory():
    _, cached = layers(batch_size=1)
    empty = cached.state
    x = np.random.default_rng(0).normal(size=(1, 3, 8)).astype(np.float32)
    first = np.asarray(cached(x))
    assert int(cached.state[0]) == 3
    cached.state = empty
    np.testing.assert_array_equal(np.asarray(cached(x)), first)
