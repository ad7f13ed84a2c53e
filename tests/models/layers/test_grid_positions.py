import numpy as np
import pytest

from pixace.backend.door import jax, trax
from pixace.models.layers.grid_positions import GridPositions

B, H, W, D = 2, 3, 5, 8
ONES = np.ones((B, H * W, D), np.float32)


def layer(mode: str, dropout: float = 0.0) -> GridPositions:
    made = GridPositions((H, W), D, dropout, mode)
    made.init(trax.shapes.signature(ONES[:, :1]))
    return made


def with_random_weights(mode: str) -> GridPositions:
    rng = np.random.default_rng(0)
    made = layer(mode)
    made.weights = tuple(rng.normal(size=array.shape).astype("f") for array in made.weights)
    return made


def test_it_adds_the_vectors_of_row_and_column():
    made = with_random_weights("eval")
    rows, columns = made.weights
    added = (made(ONES) - ONES).reshape(B, H, W, D)
    np.testing.assert_allclose(added[0, 2, 1], [*rows[0, 2, 0], *columns[0, 0, 1]], atol=1e-6)
    np.testing.assert_array_equal(added[0], added[1])


def test_it_equals_trax_s_layer_of_the_same_weights():
    """So that trax's ReformerLM, which has such a layer, reads what this one has learnt."""
    made = with_random_weights("eval")
    plain = trax.layers.AxialPositionalEncoding((H, W), (D // 2, D // 2), mode="eval")
    plain.init(trax.shapes.signature(ONES))
    assert [array.shape for array in plain.weights] == [array.shape for array in made.weights]
    plain.weights = made.weights
    np.testing.assert_array_equal(made(ONES), plain(ONES))


@pytest.mark.parametrize("lengths", [[1] * 15, [7, 1, 1, 4, 2], [15]])
def test_pieces_in_mode_predict_are_the_whole(lengths):
    expected = with_random_weights("eval")(ONES)
    made = with_random_weights("predict")
    pieces = [made(ONES[:, :length]) for length in lengths]
    np.testing.assert_array_equal(np.concatenate(pieces, axis=1), expected)


def test_a_part_of_a_picture_is_the_start_of_the_whole():
    made = with_random_weights("eval")
    np.testing.assert_array_equal(made(ONES[:, :7]), made(ONES)[:, :7])


def test_at_the_start_every_place_differs_from_every_other():
    for n_places, vectors in zip((H, W), layer("eval").weights, strict=True):
        places = np.asarray(vectors).reshape(n_places, -1)
        distances = np.linalg.norm(places[:, None] - places, axis=-1)
        assert distances[~np.eye(n_places, dtype=bool)].min() > 0.5
        np.testing.assert_allclose(np.linalg.norm(places, axis=-1), np.sqrt(D / 4), rtol=1e-5)


def test_dropout_leaves_out_whole_features_of_a_picture():
    made = layer("train", dropout=0.5)
    rng = jax.random.PRNGKey(1)
    added, _ = made.pure_fn(0 * ONES, made.weights, made.state, rng)
    whole = np.asarray(layer("eval")(0 * ONES))
    kept = np.asarray(added).any(axis=1)
    assert 0 < kept.sum() < kept.size
    np.testing.assert_allclose(added, whole * 2 * kept[:, None], atol=1e-6)
