"""Which pixels a model looks at for one pixel, by the gradient of what it says of it."""

from __future__ import annotations

import numpy as np

from pixace.backend.door import computing, jax, jnp, trax
from pixace.backend.types import Array, ArrayTree, Layer, Signature
from pixace.models.build import build_model, init_model
from pixace.models.conditioning import model_input
from pixace.models.layers.factored_embedding import FactoredEmbedding
from pixace.models.layers.replacing import replace_sublayers
from pixace.models.stored import StoredModel
from pixace.settings.model import ModelConfig
from pixace.tokens.codec import codec_of
from pixace.tokens.vocabulary import N_RESERVED

_EMBEDDINGS = (trax.layers.Embedding, FactoredEmbedding)


@computing()
def receptive_field(
    config: ModelConfig, weights: ArrayTree, tokens: np.ndarray, pixel: int, seed: int = 0
) -> np.ndarray:
    """Measures how much the logits of one pixel change with the vectors of all pixels.

    A model that knows words is told none.

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
    nudged: list[_Nudged] = []

    def nudge(embedding: Layer) -> Layer:
        nudged.append(_Nudged(embedding, tokens))
        return nudged[-1]

    replace_sublayers(model, _EMBEDDINGS, nudge)
    init_model(model, 1, len(tokens), weights)
    pixels = jnp.arange(1, len(tokens) + 1)[None]
    direction = jax.random.normal(jax.random.PRNGKey(seed), (codec_of(config.pictures).n_tokens,))
    weights, state = model.weights, model.state

    def said(nudges: dict[int, Array]) -> Array:
        own = jax.tree.map(lambda array: nudges.get(id(array), array), state)
        read = model_input(model, pixels)
        logits, _ = model.pure_fn(read, weights, own, jax.random.PRNGKey(0))
        return logits[0, pixel] @ direction

    gradients = jax.jit(jax.grad(said))({id(layer.state): layer.state for layer in nudged})
    lengths = [jnp.linalg.norm(gradient[1:], axis=-1) for gradient in gradients.values()]
    return np.asarray(jnp.linalg.norm(jnp.stack(lengths), axis=0))


class _Nudged(trax.layers.base.Layer):
    """An embedding in which each pixel is a colour of its own, so that its vector has a gradient.

    It is given numbers of pixels, 1 for the first and 0 for the start symbol. Its weights are those
    of the embedding; its state is what is added to the vector of each, float32 (L + 1, D).

    Args:
      embedding: a layer that looks up vectors by token.
      tokens: int32 (L,), those of the pixels.
    """

    weights: ArrayTree
    state: Array

    def __init__(self, embedding: Layer, tokens: np.ndarray) -> None:
        super().__init__()
        self._embedding = embedding
        self._tokens = np.append(0, tokens)

    def init_weights_and_state(self, input_signature: Signature) -> None:
        """Makes the embedding's weights, and adds nothing."""
        self.weights, _ = self._embedding.init(input_signature)
        self.state = jnp.zeros_like(self._vectors(jnp.asarray(self._tokens)))

    def forward(self, numbers: Array) -> Array:
        """Looks up the pixels' vectors, and nudges them."""
        return self._vectors(jnp.asarray(self._tokens)[numbers]) + self.state[numbers]

    def _vectors(self, tokens: Array) -> Array:
        vectors, _ = self._embedding.pure_fn(tokens, self.weights, (), jax.random.PRNGKey(0))
        return vectors


def receptive_field_of(model: StoredModel, pixel: int) -> np.ndarray:
    """Measures a stored model, around a picture of random colours; see `receptive_field`."""
    n_tokens = codec_of(model.config.pictures).n_tokens
    rng = np.random.default_rng(0)
    tokens = rng.integers(N_RESERVED, n_tokens, model.config.n_pixels).astype(np.int32)
    weights = model.build("eval", 1).weights
    return receptive_field(model.config, weights, tokens, pixel)
