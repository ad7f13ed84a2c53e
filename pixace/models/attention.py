"""The model types of attention, which trax builds: Transformer and Reformer."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from pixace.backend.door import trax
from pixace.backend.trax_internals import dropout_and_mode, is_residual
from pixace.backend.types import Layer, Mode
from pixace.models.layers.cached_attention import CachedCausalAttention, CachedSelfAttention
from pixace.models.layers.captions import AfterCaption, CaptionVectors
from pixace.models.layers.causal_attention import CausalAttention, CausalSelfAttention
from pixace.models.layers.grid_positions import GridPositions
from pixace.models.layers.recomputation import Block
from pixace.models.layers.replacing import replace_sublayers
from pixace.models.layers.sequence_positions import SequencePositions
from pixace.settings.model import ModelConfig
from pixace.tokens.codec import codec_of
from pixace.tokens.text import N_TEXT_TOKENS


def see_a_grid(model: Layer, config: ModelConfig) -> None:
    """Puts rows and columns in the place of the positions in the sequence."""

    def like(layer: Layer) -> GridPositions:
        return GridPositions(config.pictures.raster, config.d_model, *dropout_and_mode(layer))

    replace_sublayers(model, trax.layers.attention.PositionalEncoding, like)


def _count_by_rows(model: Layer, config: ModelConfig) -> None:
    """Puts positions of which each row has its own in the place of those that all share."""
    replace_sublayers(
        model,
        trax.layers.attention.PositionalEncoding,
        lambda _: SequencePositions(config.n_pixels),
    )


def transformer(config: ModelConfig, mode: Mode, dropout: float) -> Layer:
    """`trax.models.TransformerLM`."""
    layers = transformer_layers(config, mode, dropout)
    shift, embedding, dropped, positions, *blocks, norm, head = layers
    decoder = after_caption(blocks, config, mode)
    return trax.layers.Serial(shift, embedding, dropped, positions, *decoder, norm, head)


def transformer_layers(config: ModelConfig, mode: Mode, dropout: float) -> Sequence[Layer]:
    """Returns what a Transformer is made of, without captions.

    They are what shifts tokens, embeds them, drops activations and adds positions, the blocks, the
    last `LayerNorm` and the head.
    """
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
        _count_by_rows(model, config)
    replace_sublayers(model, trax.layers.attention.DotProductCausalAttention, attention)
    return model.sublayers


def after_caption(layers: Sequence[Layer], config: ModelConfig, mode: Mode) -> Sequence[Layer]:
    """Returns layers over sequences; where the model knows words, such that they read them first.

    Args:
      layers: that keep the shape (B, T, D).
      config: the model's settings.
      mode: see `models.build_model`.

    Returns:
      The same layers, or one that also takes captions.
    """
    if config.prefix_length is None:
        return layers
    # Training may keep no more than the inputs of these, too.
    layers = [Block(*layer.sublayers) if is_residual(layer) else layer for layer in layers]
    words = CaptionVectors(N_TEXT_TOKENS, config.prefix_length, config.d_model)
    return [AfterCaption(words, trax.layers.Serial(*layers), config.prefix_length, mode)]


def reformer(config: ModelConfig, mode: Mode, dropout: float) -> Layer:
    """`trax.models.ReformerLM`: with plain attention, a reversible Transformer of two halves."""
    attention: Callable[..., Layer] = CausalSelfAttention
    if mode == "predict":
        attention = functools.partial(CachedSelfAttention, max_len=config.n_pixels)
    model = trax.models.ReformerLM(
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
    if mode == "predict":
        _count_by_rows(model, config)
    *before, twice, blocks, joined, norm, dropped, head = model.sublayers
    decoder = after_caption([twice, blocks, joined], config, mode)
    return trax.layers.Serial(*before, *decoder, norm, dropped, head)
