"""Which pixels a model looks at for one pixel, by the gradient of what it says of it."""

from __future__ import annotations

import numpy as np

from pixace.backend.door import jax, jnp, trax
from pixace.backend.types import Array, ArrayTree, Layer
from pixace.models.build import build_model
from pixace.models.layers.replacing import replace_sublayers
from pixace.models.stored import StoredModel
from pixace.settings.model import ModelConfig
from pixace.tokens.codec import codec_of
from pixace.tokens.vocabulary import N_RESERVED


def receptive_field(
    config: ModelConfig, weights: ArrayTree, tokens: np.ndarray, pixel: int, seed: int = 0
) -> np.ndarray:
    """Measures how much the logits of one pixel change with the vectors of all pixels.

    Args:
      config: of the model.
      weights: of the model in mode eval.
      tokens: int32 (L,): a picture, around which the change is measured.
      pixel: the place of the pixel in the sequence.
      seed: of the direction in which the logits are looked at: one number stands for all V.

    Returns:
      float32 (L,): the gradient's length at each pixel, exactly 0 where the model cannot look.
    """
    model = build_model(config, "eval")
    embeddings: list[Layer] = []

    def embedded(layer: Layer) -> Layer:
        embeddings.append(layer)
        return _Embedded()

    model.init(trax.shapes.ShapeDtype((1, len(tokens)), np.int32))
    model.weights = weights
    replace_sublayers(model, trax.layers.Embedding, embedded)
    (table,) = [layer.weights for layer in embeddings]
    weights, state = model.weights, model.state

    def said(vectors: Array) -> Array:
        logits, _ = model.pure_fn(vectors[None], weights, state, jax.random.PRNGKey(0))
        return logits[0, pixel] @ direction

    direction = jax.random.normal(jax.random.PRNGKey(seed), (len(table),))
    gradient = jax.jit(jax.grad(said))(jnp.asarray(table)[tokens])
    return np.asarray(jnp.linalg.norm(gradient, axis=-1))


def receptive_field_of(model: StoredModel, pixel: int) -> np.ndarray:
    """Measures a stored model, around a picture of random colours; see `receptive_field`."""
    n_tokens = codec_of(model.config.pictures).n_tokens
    rng = np.random.default_rng(0)
    tokens = rng.integers(N_RESERVED, n_tokens, model.config.n_pixels).astype(np.int32)
    weights = model.build("eval", 1).weights
    return receptive_field(model.config, weights, tokens, pixel)


class _Embedded(trax.layers.base.Layer):
    """Stands in for an embedding where pixels come as vectors already."""

    def forward(self, x: Array) -> Array:
        return x
