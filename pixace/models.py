"""Settings and a mode in, a trax model out: the registry of model types.

A new model type needs a builder here, or in a module of its own, and one line in `_BUILDERS`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from pixace.cached_attention import CachedCausalAttention, CachedSelfAttention
from pixace.causal_attention import CausalAttention, CausalSelfAttention
from pixace.config import ModelConfig
from pixace.dropout import Dropout
from pixace.grid_positions import GridPositions
from pixace.pixelcnn import gated_pixelcnn, residual_pixelcnn
from pixace.recomputation import keep_activations, recompute_activations
from pixace.sublayers import replace_sublayers
from pixace.tokens import token_count
from pixace.trax_compat import jax, jnp, trax

Mode = Literal["train", "eval", "predict"]
Layer: TypeAlias = Any  # trax.layers.Layer; trax has no type hints


def build_model(
    config: ModelConfig, mode: Mode, dropout: float = 0.0, recompute: bool = False
) -> Layer:
    """Builds a language model over the tokens of one picture, without weights.

    The layers are trax's, but for some that compute the same faster or in less memory; weights and
    their nesting are always those of trax.

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
      already shifted, so that the last position predicts the next token.
    """
    model = _BUILDERS[config.model_type](config, mode, dropout)
    if config.positions == "grid":
        _see_a_grid(model, config)
    replace_sublayers(model, trax.layers.Dropout, Dropout.like)
    if mode == "train":
        (recompute_activations if recompute else keep_activations)(model)
    return model


_ONE_TOKEN = trax.shapes.ShapeDtype((1, 1), np.int32)


def init_model(model: Layer, batch_size: int, length: int) -> None:
    """Gives a model random weights, and the state for input of shape (batch_size, length)."""
    model.init(trax.shapes.ShapeDtype((batch_size, length), np.int32))


def random_weights(config: ModelConfig, dropout: float, rng: Any) -> tuple[Any, Any]:
    """Returns random weights, and the state of mode train, as trax nests them; to be traced.

    Args:
      config: the model's sizes.
      dropout: see `build_model`.
      rng: JAX key, from which trax gives each layer its own.
    """

    model = build_model(config, "train", dropout)
    model.rng = rng
    return model.init(_ONE_TOKEN)


def model_with_weights(
    config: ModelConfig, mode: Mode, arrays: Sequence[Any], batch_size: int
) -> Layer:
    """Builds a model that has these weights, in the order of `flat_weights`, and an empty state.

    Unlike `init_model`, it draws no random weights first, which takes seconds.
    """
    signature = trax.shapes.ShapeDtype((batch_size, 1), np.int32)
    shapes: Any = None

    def empty_state() -> Any:
        nonlocal shapes
        # A model of its own, as one that has been traced keeps JAX's tracers in its layers.
        weights, state = build_model(config, mode).init(signature)
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


def weight_shapes(config: ModelConfig) -> list[Any]:
    """Returns shapes and dtypes in the order of `flat_weights`, without making any array."""
    return flat_weights(jax.eval_shape(lambda: build_model(config, "eval").init(_ONE_TOKEN)[0]))


def count_weights(weights: Any) -> int:
    """Returns the number of trainable numbers in a model's weights."""
    return sum(array.size for array in flat_weights(weights))


def flat_weights(weights: Any) -> list[Any]:
    """Returns the arrays of a model's `weights` in the flat order that checkpoints use."""
    flat, _ = trax.layers.base.flatten_weights_and_state(weights, ())
    return flat


def nested_weights(arrays: Sequence[Any], like: Any) -> Any:
    """Returns arrays in the order of `flat_weights` as nested as the weights of another model."""
    on_device = [jnp.asarray(array) for array in arrays]  # NumPy arrays would go there every call
    nested, _ = trax.layers.base.unflatten_weights_and_state(
        on_device, (), (like, ()), weights_only=True
    )
    return nested


def without_head(model: Layer) -> Layer:
    """Returns all of a model but its last layer, the `Dense` that makes logits of features."""
    *layers, head = model.sublayers
    kinds = [type(layer) for layer in head.sublayers or [head]]
    if [kind for kind in kinds if kind is not trax.layers.AssertShape] != [trax.layers.Dense]:
        raise TypeError(f"a model must end in a Dense layer, not in {head}")
    return trax.layers.Serial(*layers)


def split_weights(weights: Any) -> tuple[Any, tuple[Any, Any]]:
    """Returns the weights of all of a model but its head, and the head's matrix and bias."""
    *body, head = weights
    matrix, bias = jax.tree.leaves(head)
    return tuple(body), (matrix, bias)


def _see_a_grid(model: Layer, config: ModelConfig) -> None:
    """Puts rows and columns in the place of the positions in the sequence."""

    def like(layer: Any) -> GridPositions:
        return GridPositions(config.image_size, config.d_model, layer._dropout, layer._mode)

    replace_sublayers(model, trax.layers.attention.PositionalEncoding, like)


def _transformer(config: ModelConfig, mode: Mode, dropout: float) -> Layer:
    """`trax.models.TransformerLM`."""
    model = trax.models.TransformerLM(
        token_count(config.bitdepth),
        d_model=config.d_model,
        d_ff=config.d_ff,
        n_layers=config.n_layers,
        n_heads=config.n_heads,
        max_len=config.n_pixels,
        dropout=dropout,
        mode=mode,
    )
    attention: Any = CausalAttention.like
    if mode == "predict":
        attention = functools.partial(CachedCausalAttention.like, max_len=config.n_pixels)
    replace_sublayers(model, trax.layers.attention.DotProductCausalAttention, attention)
    return model


def _reformer(config: ModelConfig, mode: Mode, dropout: float) -> Layer:
    """`trax.models.ReformerLM`: with plain attention, a reversible Transformer of two halves."""
    attention: Any = CausalSelfAttention
    if mode == "predict":
        attention = functools.partial(CachedSelfAttention, max_len=config.n_pixels)
    return trax.models.ReformerLM(
        token_count(config.bitdepth),
        d_model=config.d_model,
        d_ff=config.d_ff,
        d_attention_key=config.d_model // config.n_heads,
        d_attention_value=config.d_model // config.n_heads,
        n_layers=config.n_layers,
        n_heads=config.n_heads,
        max_len=config.n_pixels,
        dropout=dropout,
        attention_type=attention,
        mode=mode,
    )


_BUILDERS: dict[str, Callable[[ModelConfig, Mode, float], Any]] = {
    "transformer": _transformer,
    "reformer": _reformer,
    "pixelcnn": gated_pixelcnn,
    "pixelcnn_residual": residual_pixelcnn,
}
