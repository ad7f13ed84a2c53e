"""Settings and a mode in, a trax model out: the registry of model types.

A new model type needs a builder here, or in a module of its own, and one line in `_BUILDERS`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from pixace.cached_attention import CachedCausalAttention, CachedSelfAttention
from pixace.config import ModelConfig
from pixace.tokens import token_count
from pixace.trax_compat import jax, jnp, trax

Mode = Literal["train", "eval", "predict"]
Layer: TypeAlias = Any  # trax.layers.Layer; trax has no type hints


def build_model(config: ModelConfig, mode: Mode, dropout: float = 0.0) -> Layer:
    """Builds a language model over the tokens of one picture, without weights.

    Args:
      config: its sizes.
      mode: "train" applies dropout; "eval" sees a whole sequence at once; "predict" is fed the
        start symbol and then one token after another, and keeps what it saw in its state.
      dropout: share of activations dropped while training.

    Returns:
      A trax layer from int32 tokens (B, T) to float32 logits (B, T, V). In modes train and eval
      position t of the output predicts token t from tokens 0 .. t-1; in mode predict the input is
      already shifted, so that the last position predicts the next token.
    """
    return _BUILDERS[config.model_type](config, mode, dropout)


def init_model(model: Layer, batch_size: int, length: int) -> None:
    """Gives a model random weights, and the state for input of shape (batch_size, length)."""
    model.init(trax.shapes.ShapeDtype((batch_size, length), np.int32))


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
    on_device = [jnp.asarray(array) for array in arrays]  # NumPy arrays would go there every call
    model.weights, _ = trax.layers.base.unflatten_weights_and_state(
        on_device, (), (shapes, state), weights_only=True
    )
    model.state = state
    return model


def weight_shapes(config: ModelConfig) -> list[Any]:
    """Returns shapes and dtypes in the order of `flat_weights`, without making any array."""
    signature = trax.shapes.ShapeDtype((1, 1), np.int32)
    weights, _ = jax.eval_shape(lambda: build_model(config, "eval").init(signature))
    flat, _ = trax.layers.base.flatten_weights_and_state(weights, ())
    return flat


def count_weights(model: Layer) -> int:
    """Returns the number of trainable numbers in an initialised model."""
    return sum(array.size for array in flat_weights(model))


def flat_weights(model: Layer) -> list[Any]:
    """Returns a model's arrays in the flat order that checkpoints use."""
    flat, _ = trax.layers.base.flatten_weights_and_state(model.weights, model.state)
    return flat


def set_flat_weights(model: Layer, arrays: Sequence[Any]) -> None:
    """Gives an initialised model arrays in the order of `flat_weights`, of the same shapes."""
    on_device = [jnp.asarray(array) for array in arrays]  # NumPy arrays would go there every call
    model.weights, _ = trax.layers.base.unflatten_weights_and_state(
        on_device, (), (model.weights, model.state), weights_only=True
    )


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
    if mode == "predict":
        _replace_sublayers(
            model,
            trax.layers.attention.DotProductCausalAttention,
            lambda: CachedCausalAttention(config.n_pixels),
        )
    return model


def _reformer(config: ModelConfig, mode: Mode, dropout: float) -> Layer:
    """`trax.models.ReformerLM`: with plain attention, a reversible Transformer of two halves."""
    attention = trax.layers.SelfAttention
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
}


def _replace_sublayers(layer: Layer, kind: type, make: Callable[[], Layer]) -> None:
    """Puts a new layer in the place of every one of that kind below `layer`, at any depth."""
    layer._sublayers = [make() if isinstance(below, kind) else below for below in layer.sublayers]
    for below in layer.sublayers:
        _replace_sublayers(below, kind, make)
