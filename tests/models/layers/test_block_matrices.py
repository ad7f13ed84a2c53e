"""Matrices in blocks against plain ones."""

import numpy as np
import pytest

from pixace.backend.door import jax, trax
from pixace.models.layers import block_matrices
from pixace.models.layers.block_matrices import BlockMatrix, decoding_weights, product


@pytest.mark.parametrize("shape", [(7,), (1, 7), (4, 1, 7), (2, 3, 7)])
@pytest.mark.parametrize("n_blocks", [1, 2, 3, 11])
def test_the_product_is_the_same(shape, n_blocks):
    rng = np.random.default_rng(0)
    matrix, x = rng.normal(size=(7, 11)).astype("f"), rng.normal(size=shape).astype("f")
    blocks = BlockMatrix.of(jax.numpy.asarray(matrix), n_blocks)
    assert len(blocks.blocks) == n_blocks
    np.testing.assert_allclose(product(x, blocks), x @ matrix, rtol=1e-5)
    np.testing.assert_allclose(product(x, matrix), x @ matrix, rtol=1e-5)


def dense_and_embedding():
    layer = trax.layers.Serial(trax.layers.Embedding(5, 8), trax.layers.Dense(12))
    layer.init(trax.shapes.ShapeDtype((2, 3), np.int32))
    return layer


def test_trax_multiplies_by_it(monkeypatch):
    """Matrices of dense layers are cut, tables that are looked up are not."""
    monkeypatch.setattr(block_matrices, "_MIN_BLOCK", 4)
    monkeypatch.setattr(block_matrices, "n_cores", lambda: 2)
    layer = dense_and_embedding()
    tokens = np.array([[0, 1, 4], [3, 2, 2]])
    expected = np.asarray(layer(tokens))
    embedding, (dense, _) = decoding_weights(layer, layer.weights, batch_size=2)
    assert embedding is layer.weights[0]
    assert isinstance(dense, BlockMatrix)
    layer.weights = decoding_weights(layer, layer.weights, batch_size=2)
    np.testing.assert_allclose(layer(tokens), expected, rtol=1e-5)


@pytest.mark.parametrize(("batch_size", "n_cores"), [(1, 4), (2, 1)])
def test_plain_matrices_stay_where_they_are_faster(monkeypatch, batch_size, n_cores):
    monkeypatch.setattr(block_matrices, "_MIN_BLOCK", 4)
    monkeypatch.setattr(block_matrices, "n_cores", lambda: n_cores)
    layer = dense_and_embedding()
    _, (dense, _) = decoding_weights(layer, layer.weights, batch_size)
    assert dense is layer.weights[1][0]


def test_a_very_large_matrix_is_turned_for_a_single_row(monkeypatch):
    monkeypatch.setattr(block_matrices, "_MIN_LARGE", 8 * 12)
    layer = dense_and_embedding()
    x = np.array([[3, 1, 2]])
    expected = np.asarray(layer(x))
    layer.weights = decoding_weights(layer, layer.weights, batch_size=1)
    assert [block.shape for block in layer.weights[1][0].blocks] == [(12, 8)]
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5)


def test_a_shared_layer_is_laid_out_once(monkeypatch):
    monkeypatch.setattr(block_matrices, "_MIN_BLOCK", 4)
    monkeypatch.setattr(block_matrices, "n_cores", lambda: 2)
    shared = trax.layers.Serial(trax.layers.Dense(8), trax.layers.Relu())
    layer = trax.layers.Serial(trax.layers.Embedding(5, 8), shared, trax.layers.Residual(shared))
    layer.init(trax.shapes.ShapeDtype((2, 3), np.int32))
    tokens = np.array([[0, 1, 4], [3, 2, 2]])
    expected = np.asarray(layer(tokens))
    laid_out = decoding_weights(layer, layer.weights, batch_size=2)
    assert isinstance(laid_out[1][0][0], BlockMatrix)
    got, _ = layer.pure_fn(tokens, laid_out, layer.state, jax.random.PRNGKey(0))
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_small_matrices_stay_whole(monkeypatch):
    monkeypatch.setattr(block_matrices, "n_cores", lambda: 2)
    layer = dense_and_embedding()
    _, (dense, _) = decoding_weights(layer, layer.weights, batch_size=2)
    assert dense is layer.weights[1][0]
