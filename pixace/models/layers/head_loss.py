"""The loss of a language model's last layer, without all logits at once.

A picture of 1024 pixels in 8194 colours has 8 million logits, and their gradient as many numbers.
They are made, used and thrown away for some positions at a time.
"""

from __future__ import annotations

import functools
from typing import TypeAlias

from pixace.backend.door import jax, jnp
from pixace.backend.types import Array, ArrayTree

NEVER = -1e30  # ln 0, of which gradients are still numbers
_ROWS = 1024  # positions at a time

HeadWeights: TypeAlias = tuple[Array, Array]  # matrix (D, V) and bias (V,)
# A second way to each token beside the head's p: ln of the share that p keeps, and ln of what the
# token's probability has besides; both float32 (P,).
Mixture: TypeAlias = tuple[Array, Array]
_Gradients: TypeAlias = tuple[Array, HeadWeights, Mixture | None]  # of features, head, mixture


def token_nats(features: Array, head: HeadWeights, tokens: Array) -> Array:
    """Returns -ln p of each token.

    Args:
      features: (P, D), what the head reads.
      head: its matrix (D, V) and bias (V,).
      tokens: int32 (P,).

    Returns:
      float32 (P,).
    """

    def of_rows(rows: tuple[Array, Array]) -> Array:
        return _nats_and_logits(rows[0], head, rows[1])[0]

    return jax.lax.map(of_rows, (features, tokens), batch_size=_ROWS)


def mixed_nats(nats: Array, mixture: Mixture) -> Array:
    """Returns -ln of (what p keeps) p + (what the token has besides), for -ln p."""
    log_keep, log_besides = mixture
    return -jnp.logaddexp(log_keep - nats, log_besides)


@functools.partial(jax.custom_vjp)
def summed_nats(
    features: Array,
    head: HeadWeights,
    tokens: Array,
    weights: Array | None = None,
    mixture: Mixture | None = None,
) -> Array:
    """Returns the sum of `token_nats`, float32 (); its gradient is computed along with it.

    Args:
      features: see `token_nats`.
      head: see `token_nats`.
      tokens: see `token_nats`.
      weights: float32 (P,), what each token's -ln p is multiplied by; None multiplies nothing.
      mixture: makes it the sum of `mixed_nats`.
    """
    nats = token_nats(features, head, tokens)
    if mixture is not None:
        nats = mixed_nats(nats, mixture)
    return (nats if weights is None else weights * nats).sum()


def _forward(
    features: Array,
    head: HeadWeights,
    tokens: Array,
    weights: Array | None,
    mixture: Mixture | None,
) -> tuple[Array, _Gradients]:
    matrix, bias = head
    n_rows, d_model = features.shape
    n_chunks = -(-n_rows // _ROWS)
    padding = n_chunks * _ROWS - n_rows if n_rows > _ROWS else 0
    size = (n_rows + padding) // n_chunks
    counts = (jnp.arange(n_rows + padding) < n_rows).reshape(n_chunks, size)
    features = jnp.pad(features, ((0, padding), (0, 0))).reshape(n_chunks, size, d_model)
    tokens, weights, mixture = jax.tree.map(
        lambda array: jnp.pad(array, (0, padding)).reshape(n_chunks, size),
        (tokens, weights, mixture),
    )
    zeros = jnp.zeros(()), jnp.zeros(matrix.shape), jnp.zeros(bias.shape)
    (nats_sum, matrix_grad, bias_grad), (features_grad, mixture_grads) = jax.lax.scan(
        functools.partial(_add_chunk, head), zeros, (features, tokens, counts, weights, mixture)
    )
    head_grad = matrix_grad.astype(matrix.dtype), bias_grad.astype(bias.dtype)
    features_grad = features_grad.reshape(-1, d_model)[:n_rows]
    mixture_grads = jax.tree.map(lambda grad: grad.ravel()[:n_rows], mixture_grads)
    return nats_sum, (features_grad, head_grad, mixture_grads)


def _add_chunk(
    head: HeadWeights, sums: ArrayTree, rows: ArrayTree
) -> tuple[ArrayTree, tuple[Array, Mixture | None]]:
    """Adds -ln p of some positions, and the head's gradients; returns those of the positions."""
    (matrix, bias), (nats_sum, matrix_grad, bias_grad) = head, sums
    features, tokens, counts, weights, mixture = rows
    nats, logits, log_sum = _nats_and_logits(features, head, tokens)
    grad = jnp.exp(logits - log_sum[:, None]) - (jnp.arange(bias.size) == tokens[:, None])
    mixture_grads = None
    if mixture is not None:
        mixed = mixed_nats(nats, mixture)
        share = jnp.exp(mixture[0] - nats + mixed)  # of the head's way to each token
        nats, grad, mixture_grads = mixed, share[:, None] * grad, (-share, share - 1)
    grad = jnp.where(counts[:, None], grad, 0)
    if weights is not None:
        nats, grad = weights * nats, weights[:, None] * grad
        mixture_grads = jax.tree.map(lambda grad: weights * grad, mixture_grads)
    bias_grad += grad.sum(axis=0)
    grad = grad.astype(features.dtype)
    matrix_grad += jnp.matmul(features.T, grad, preferred_element_type=jnp.float32)
    nats_sum += jnp.where(counts, nats, 0).sum()
    return (nats_sum, matrix_grad, bias_grad), (grad @ matrix.T, mixture_grads)


def _backward(
    gradients: _Gradients, scale: Array
) -> tuple[Array, HeadWeights, None, None, Mixture | None]:
    features_grad, head_grad, mixture_grads = jax.tree.map(
        lambda grad: (grad * scale).astype(grad.dtype), gradients
    )
    return features_grad, head_grad, None, None, mixture_grads


summed_nats.defvjp(_forward, _backward)


def _nats_and_logits(
    features: Array, head: HeadWeights, tokens: Array
) -> tuple[Array, Array, Array]:
    """Returns -ln p of each token, all logits, and the logarithm of their exponentials' sum."""
    matrix, bias = head
    logits = jnp.matmul(features, matrix, preferred_element_type=jnp.float32) + bias
    chosen = jnp.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0]
    log_sum = jax.nn.logsumexp(logits, axis=-1)
    return log_sum - chosen, logits, log_sum
