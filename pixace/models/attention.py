"""The model types of attention, which trax builds: Transformer and Reformer."""

from __future__ import annotations

import functools
from collections.abc import Callable

from pixace.backend.door import trax
from pixace.backend.trax_internals import dropout_and_mode
from pixace.backend.types import Layer, Mode
from pixace.models.layers.cached_attention import CachedCausalAttention, CachedSelfAttention
from pixace.models.layers.causal_attention import CausalAttention, CausalSelfAttention
from pixace.models.layers.grid_positions import GridPositions
from pixace.models.layers.replacing import replace_sublayers
from pixace.settings.model import ModelConfig
from pixace.tokens.codec import codec_of


def see_a_grid(model: Layer, config: ModelConfig) -> None:
    """Puts rows and columns in the place of the positions in the sequence."""

    def like(layer: Layer) -> GridPositions:
        return GridPositions(config.pictures.shape, config.d_model, *dropout_and_mode(layer))

    replace_sublayers(model, trax.layers.attention.PositionalEncoding, like)


def transformer(config: ModelConfig, mode: Mode, dropout: float) -> Layer:
    """`trax.models.TransformerLM`."""
    model = trax.models.TransformerLM(
        codec_of(config.pictures).n_tokens,
        d_model=config.d_model,
        d_ff=config.d_ff,
        n_layers=config.n_layers,
        n_heads=config.n_heads,
        max_len=config.n_pixels,
        dropout=dropout,
        mode=mode,
    )
    attention: Callable[..., Layer] = CausalAttention.like
    if mode == "predict":
        attention = functools.partial(CachedCausalAttention.like, max_len=config.n_pixels)
    replace_sublayers(model, trax.layers.attention.DotProductCausalAttention, attention)
    return model


def reformer(config: ModelConfig, mode: Mode, dropout: float) -> Layer:
    """`trax.models.ReformerLM`: with plain attention, a reversible Transformer of two halves."""
    attention: Callable[..., Layer] = CausalSelfAttention
    if mode == "predict":
        attention = functools.partial(CachedSelfAttention, max_len=config.n_pixels)
    return trax.models.ReformerLM(
        codec_of(config.pictures).n_tokens,
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
