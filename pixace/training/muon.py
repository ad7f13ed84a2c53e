"""Muon: steps for matrices whose directions all count alike.

Keller Jordan et al., 2024 (https://kellerjordan.github.io/posts/muon); the size of the steps is
that of Liu et al., 2025 (https://arxiv.org/abs/2502.16982), which makes Adam's learning rate fit.
"""

from __future__ import annotations

import math

from pixace.backend.door import jnp
from pixace.backend.types import Array

_MOMENTUM = 0.95
_ITERATIONS = 5
# Of a polynomial that takes singular values from 0 to 1 near to 1 quickly, if not quite to it.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ADAM_RMS = 0.2  # root of the mean square of Adam's steps, in units of the learning rate


def muon_step(
    learning_rate: Array, gradient: Array, weights: Array, momentum: Array
) -> tuple[Array, Array]:
    """Returns a matrix (M, N) and its momentum (M, N) after a step; all arrays are float32.

    The momentum is a running mean of gradients, as Adam's first moment is.
    """
    momentum = _MOMENTUM * momentum + (1 - _MOMENTUM) * gradient
    direction = orthogonalised(_MOMENTUM * momentum + (1 - _MOMENTUM) * gradient)
    size = learning_rate * _ADAM_RMS * math.sqrt(max(weights.shape))
    return weights - size * direction, momentum


def orthogonalised(matrix: Array) -> Array:
    """Returns a matrix (M, N) with its singular values near to 1, by Newton and Schulz."""
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / (jnp.linalg.norm(x) + 1e-7)  # no singular value is above 1
    first, third, fifth = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        square = x @ x.T
        x = first * x + (third * square + fifth * square @ square) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x
