"""Muon's steps."""

import numpy as np
import pytest

from pixace.training.muon import muon_step, orthogonalised


@pytest.mark.parametrize("shape", [(6, 6), (4, 40), (40, 4)])
def test_all_directions_become_about_as_long_and_stay_what_they_are(shape):
    """The polynomial is quick, not exact: singular values end between 0.6 and 1.2 or so."""
    matrix = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    stretched = left.T @ np.asarray(orthogonalised(matrix)) @ right.T
    assert 0.5 < np.diag(stretched).min() <= np.diag(stretched).max() < 1.3
    assert np.abs(stretched - np.diag(np.diag(stretched))).max() < 1e-3


def test_the_size_of_a_step_is_the_rate_s_alone():
    """Gradients a million times as large make the same step; a zero gradient makes none."""
    rng = np.random.default_rng(0)
    gradient, weights = rng.normal(size=(2, 8, 16)).astype(np.float32)
    still = np.zeros_like(weights)
    small, _ = muon_step(0.01, gradient, weights, still)
    large, _ = muon_step(0.01, 1e6 * gradient, weights, still)
    np.testing.assert_allclose(small, large, atol=1e-6)
    assert 0.001 < np.sqrt(np.mean((weights - small) ** 2)) < 0.003
    none, _ = muon_step(0.01, still, weights, still)
    assert np.array_equal(none, weights)


def test_earlier_gradients_go_on_moving_it():
    """The momentum is their running mean: without a new one, the last direction is taken again."""
    rng = np.random.default_rng(0)
    gradient, weights = rng.normal(size=(2, 8, 16)).astype(np.float32)
    once, momentum = muon_step(0.01, gradient, weights, np.zeros_like(weights))
    np.testing.assert_allclose(momentum, 0.05 * gradient, rtol=1e-5)
    again, momentum = muon_step(0.01, np.zeros_like(weights), once, momentum)
    np.testing.assert_allclose(momentum, 0.95 * 0.05 * gradient, rtol=1e-5)
    np.testing.assert_allclose(once - again, weights - once, atol=1e-6)
