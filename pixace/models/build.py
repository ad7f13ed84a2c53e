"""Settings and a mode in, a trax model out: the registry of model types.

What a new one needs is in `docs/extending.md`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from pixace.backend.door import jax, trax
from pixace.backend.types import Array, ArrayTree, Key, Layer, Mode, Signature
from pixace.models.attention import reformer, see_a_grid, transformer
from pixace.models.conditioning import prefix_length_of
from pixace.models.heads import close_ids
from pixace.models.layers.dropout import Dropout
from pixace.models.layers.recomputation import keep_activations, recompute_activations
from pixace.models.layers.replacing import replace_sublayers
from pixace.models.pixelcnn import gated_pixelcnn, residual_pixelcnn
from pixace.models.pointer import pointer_transformer
from pixace.models.weights import flat_weights, nested_weights
from pixace.settings.model import ModelConfig
from pixace.tokens.codec import codec_of


def build_model(
    config: ModelConfig, mode: Mode, dropout: float = 0.0, recompute: bool = False
) -> Layer:
    """Builds a language model over the tokens of one picture, without weights.

    The layers are trax's, but for some that compute the same faster or in less memory; weights and
    their nesting are those of trax, where the model is.

    Args:
      config: its sizes.
      mode: "train" applies dropout; "eval" sees a whole sequence at once; "predict" is fed the
        start symbol and then one token after another, and keeps what it saw in its state.
      dropout: share of activations dropped while training.
      recompute: whether training computes activations again on the way back instead of keeping
        them: slower, in far less memory.

    Returns:
      A trax layer from int32 tokens (B, T) to float32 logits (B, T, V). In modes train and eval
      position t of the output predicts token t from tokens 0 .. t-1; in mode predict the input is
      already shifted, so that the last position predicts the next token. With a caption_length, a
      layer from tokens and captions, int32 (B, P), in modes train and eval: see `conditioning`.
    """
    model = _BUILDERS[config.model_type](config, mode, dropout)
    if config.positions == "grid":
        see_a_grid(model, config)
    if n_closed := _n_closed(config):
        model = close_ids(model, n_closed)
    replace_sublayers(model, trax.layers.Dropout, Dropout.like)
    if mode == "train":
        (recompute_activations if recompute else keep_activations)(model)
    return model


def _n_closed(config: ModelConfig) -> int:
    """Returns how many reserved ids must never be drawn by a model whose head lets them.

    The pointer's head closes them itself. Models of HSV draw as they did in 2020, when a long
    training was all that kept them from it.
    """
    if config.model_type == "pointer" or (config.colours is None and not config.alpha):
        return 0
    return int((codec_of(config.pictures).factors() < 0).all(axis=1).sum())


def input_signature(model: Layer, batch_size: int, length: int) -> Signature:
    """Returns shapes and dtypes of what a model reads: of tokens, or of tokens and captions."""
    of_tokens, of_captions = (
        trax.shapes.ShapeDtype((batch_size, n), np.dtype(np.int32))
        for n in (length, prefix_length_of(model) or 0)
    )
    return of_tokens if model.n_in == 1 else (of_tokens, of_captions)


def init_model(
    model: Layer, batch_size: int, length: int, weights: ArrayTree | None = None
) -> None:
    """Gives a model weights, and the state for tokens of shape (batch_size, length).

    Random weights are always the same ones. All are made by one compiled function: layer by layer,
    as trax would make them, takes several times as long.

    Args:
      model: the model.
      batch_size: of the tokens.
      length: of the tokens.
      weights: its weights; else random ones are drawn, which takes a second or more to compile.
    """
    # Else trax would take a key of its own from the system, another one each time.
    model.rng = jax.random.PRNGKey(0)
    signature = input_signature(model, batch_size, length)
    if weights is None:
        model.weights, model.state = jax.jit(lambda: model.init(signature))()
    else:
        model.state = jax.jit(lambda: model.init(signature)[1])()
        model.weights = weights
    model.rng = jax.random.PRNGKey(0)  # instead of the traced ones


def random_weights(config: ModelConfig, dropout: float, rng: Key) -> tuple[ArrayTree, ArrayTree]:
    """Returns random weights, and the state of mode train, as trax nests them; to be traced.

    Args:
      config: the model's sizes.
      dropout: see `build_model`.
      rng: JAX key, from which trax gives each layer its own.
    """

    model = build_model(config, "train", dropout)
    model.rng = rng
    return model.init(input_signature(model, 1, 1))


def model_with_weights(
    config: ModelConfig, mode: Mode, arrays: Sequence[np.ndarray | Array], batch_size: int
) -> Layer:
    """Builds a model that has these weights, in the order of `flat_weights`, and an empty state.

    Unlike `init_model`, it draws no random weights first, which takes seconds.
    """
    shapes: ArrayTree = None

    def empty_state() -> ArrayTree:
        nonlocal shapes
        # A model of its own, as one that has been traced keeps JAX's tracers in its layers.
        new = build_model(config, mode)
        weights, state = new.init(input_signature(new, batch_size, 1))
        shapes = jax.tree.map(lambda array: trax.shapes.ShapeDtype(array.shape), weights)
        return state  # nobody asks for the weights: XLA leaves them out

    state = jax.jit(empty_state)()
    model = build_model(config, mode)
    # Else trax draws a seed for each layer when it is first traced, which differs in every process
    # and, as a constant of the program, keeps compiled programs from being found again (JAX 0.10).
    model.rng = jax.random.PRNGKey(0)
    model.weights = nested_weights(arrays, shapes)
    model.state = state
    return model


@functools.lru_cache(maxsize=64)  # of a model that is opened again; tracing takes a while
def weight_shapes(config: ModelConfig) -> tuple[jax.ShapeDtypeStruct, ...]:
    """Returns shapes and dtypes in the order of `flat_weights`, without making any array."""

    def weights() -> ArrayTree:
        model = build_model(config, "eval")
        return model.init(input_signature(model, 1, 1))[0]

    return tuple(flat_weights(jax.eval_shape(weights)))


_BUILDERS: dict[str, Callable[[ModelConfig, Mode, float], Layer]] = {
    "transformer": transformer,
    "reformer": reformer,
    "pixelcnn": gated_pixelcnn,
    "pixelcnn_residual": residual_pixelcnn,
    "pointer": pointer_transformer,
}
