"""Which pixels a model looks at for one pixel, by the gradient of what it says of it."""

from __future__ import annotations

import numpy as np

from pixace.backend.door import jax, jnp, trax
from pixace.backend.types import Array, ArrayTree, Layer
from pixace.models.build import build_model, init_model
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
    init_model(model, 1, len(tokens))
    model.weights = weights
    tables = {id(layer.weights): layer.weights for layer in _embeddings(model)}
    (n_tokens,) = {len(table) for table in tables.values()}
    # Each pixel as a colour of its own, so that its vectors have gradients of their own: the rows
    # of each table are those of the start symbol, which is 0, and of the pixels, one after another.
    pixels = jnp.arange(1, len(tokens) + 1)[None]
    rows = {key: jnp.asarray(table)[np.append(0, tokens)] for key, table in tables.items()}
    direction = jax.random.normal(jax.random.PRNGKey(seed), (n_tokens,))
    weights, state = model.weights, model.state

    def said(rows: dict[int, Array]) -> Array:
        own = jax.tree.map(lambda array: rows.get(id(array), array), weights)
        logits, _ = model.pure_fn(pixels, own, state, jax.random.PRNGKey(0))
        return logits[0, pixel] @ direction

    gradients = jax.jit(jax.grad(said))(rows)
    lengths = [jnp.linalg.norm(gradient[1:], axis=-1) for gradient in gradients.values()]
    return np.asarray(jnp.linalg.norm(jnp.stack(lengths), axis=0))


def _embeddings(layer: Layer) -> list[Layer]:
    """Returns the layers that look up vectors by token, at any depth."""
    if isinstance(layer, trax.layers.Embedding):
        return [layer]
    return [found for below in layer.sublayers for found in _embeddings(below)]


def receptive_field_of(model: StoredModel, pixel: int) -> np.ndarray:
    """Measures a stored model, around a picture of random colours; see `receptive_field`."""
    n_tokens = codec_of(model.config.pictures).n_tokens
    rng = np.random.default_rng(0)
    tokens = rng.integers(N_RESERVED, n_tokens, model.config.n_pixels).astype(np.int32)
    weights = model.build("eval", 1).weights
    return receptive_field(model.config, weights, tokens, pixel)
