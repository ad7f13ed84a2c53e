"""PixelCNN: convolutions in the place of attention, as trax models over the tokens of a picture.

The gated kind (van den Oord et al., 2016, https://arxiv.org/abs/1606.05328) looks at the rows above
with one stack of convolutions and at its own row with another, so that no pixel before it is
hidden. The simpler kind (van den Oord et al., 2016, https://arxiv.org/abs/1601.06759) has one
stack, which does not see a wedge to the upper right.
"""

from __future__ import annotations

import math

from pixace.backend.door import jax, trax
from pixace.backend.types import Array, Layer, Mode
from pixace.models.layers.captions import BiasedByCaption, CaptionBias, CaptionMean
from pixace.models.layers.masked_convolutions import Mask, MaskedConvolution, VerticalConvolution
from pixace.models.layers.raster import LastRow, PixelOfRow, Raster, RowByRow
from pixace.models.layers.recomputation import Block
from pixace.settings.model import ModelConfig
from pixace.tokens.codec import codec_of
from pixace.tokens.text import N_TEXT_TOKENS, TEXT_PAD_ID

_FIRST_EDGE = 7  # of the residual kind's first kernel

Branch, Dense, Dropout, LayerNorm, Parallel, Select, Serial = (
    trax.layers.Branch,
    trax.layers.Dense,
    trax.layers.Dropout,
    trax.layers.LayerNorm,
    trax.layers.Parallel,
    trax.layers.Select,
    trax.layers.Serial,
)


def gated_pixelcnn(config: ModelConfig, mode: Mode, dropout: float) -> Layer:
    """Builds the gated PixelCNN; see `models.build_model`.

    Of its blocks, `n_layers`, each has `d_model` channels in both stacks; all add `d_ff` features
    to what the output is made of. The vertical stack is residual, too.
    """
    blocks = [_gated_block(config, mode, dropout, is_first=i == 0) for i in range(config.n_layers)]
    body = Raster(
        trax.layers.Embedding(codec_of(config.pictures).n_tokens, config.d_model),
        *blocks,
        Select([2], n_in=3),
        trax.layers.Relu(),
        Dense(config.d_ff),
        trax.layers.Relu(),
        edge=config.pictures.raster[1],
        mode=mode,
    )
    biases = 2 * config.n_layers, 2 * config.d_model
    return Serial(
        _knowing_captions(body, biases, config, mode),
        Dense(codec_of(config.pictures).n_tokens),
    )


def _gated_block(config: ModelConfig, mode: Mode, dropout: float, *, is_first: bool) -> Layer:
    """Maps (vertical, horizontal, skipped) to the same; the first block, pixels to these three."""
    width, edge, n_columns = config.d_model, config.pictures.raster[1], config.kernel_size
    mask: Mask = "A" if is_first else "B"
    n_rows = n_columns // 2 + (not is_first)  # those above, and from the second block on its own
    look_up = VerticalConvolution(2 * width, (n_rows, n_columns), mask, mode)
    look_left = MaskedConvolution(2 * width, (1, n_columns), mask, edge, mode)
    gate_and_link = Branch(_gate(config, mode), Dense(2 * width))
    parts = Branch(Dense(width), Dense(config.d_ff))
    dropped = Dropout(rate=dropout, mode=mode)
    into_row = Serial(trax.layers.Add(), _gate(config, mode), dropped, parts)
    if is_first:
        return Block(
            Select([0, 0]),
            LastRow(edge, mode),
            RowByRow(look_up, gate_and_link, edge=edge, mode=mode),
            Parallel(None, PixelOfRow(edge, mode), look_left),
            Parallel(None, into_row),
        )
    return Block(
        RowByRow(
            Select([0, 0]),
            LayerNorm(),
            look_up,
            gate_and_link,  # vertical features, link, input
            Select([0, 2, 1]),
            trax.layers.Add(),
            edge=edge,
            mode=mode,
        ),
        Select([0, 1, 2, 2, 3]),
        Parallel(None, PixelOfRow(edge, mode), Serial(LayerNorm(), look_left)),
        Parallel(None, into_row),  # vertical, horizontal part, skipped part, horizontal, skipped
        Select([0, 1, 3, 2, 4]),
        Parallel(None, trax.layers.Add(), trax.layers.Add()),
    )


def residual_pixelcnn(config: ModelConfig, mode: Mode, dropout: float) -> Layer:
    """Builds the PixelCNN of residual blocks; see `models.build_model`.

    A masked convolution of 7 x 7, then `n_layers` blocks of `d_model` channels and half as many
    inside them, then a layer of width `d_ff`.
    """
    edge = config.pictures.raster[1]
    look = MaskedConvolution(config.d_model, (_FIRST_EDGE // 2 + 1, _FIRST_EDGE), "A", edge, mode)
    body = Raster(
        trax.layers.Embedding(codec_of(config.pictures).n_tokens, config.d_model),
        look,
        *[_residual_block(config, mode, dropout) for _ in range(config.n_layers)],
        LayerNorm(),
        trax.layers.Relu(),
        Dense(config.d_ff),
        trax.layers.Relu(),
        edge=edge,
        mode=mode,
    )
    biases = config.n_layers, config.d_model // 2
    return Serial(
        _knowing_captions(body, biases, config, mode),
        Dense(codec_of(config.pictures).n_tokens),
    )


def _residual_block(config: ModelConfig, mode: Mode, dropout: float) -> Layer:
    """Adds what 1 x 1, masked and 1 x 1 convolutions make of the features."""
    half, n_columns = config.d_model // 2, config.kernel_size
    shape = n_columns // 2 + 1, n_columns
    return Block(
        trax.layers.Residual(
            LayerNorm(),
            trax.layers.Relu(),
            Dense(half),
            trax.layers.Relu(),
            MaskedConvolution(half, shape, "B", config.pictures.raster[1], mode),
            *_bias(config, mode),
            trax.layers.Relu(),
            Dropout(rate=dropout, mode=mode),
            Dense(config.d_model),
        )
    )


def _gate(config: ModelConfig, mode: Mode) -> Layer:
    """Returns tanh of one half of the channels times the sigmoid of the other.

    What a caption says comes before that, as van den Oord et al. have it.
    """

    def gate(x: Array) -> Array:
        values, gates = jax.numpy.split(x, 2, axis=-1)
        return jax.numpy.tanh(values) * jax.nn.sigmoid(gates)

    of_channels = trax.layers.Fn("Gate", gate)
    bias = _bias(config, mode)
    return Serial(*bias, of_channels) if bias else of_channels


def _bias(config: ModelConfig, mode: Mode) -> list[Layer]:
    """Returns what adds the caption's bias, where the model knows words."""
    return [] if config.caption_length is None else [CaptionBias(mode)]


def _knowing_captions(
    body: Layer, biases: tuple[int, int], config: ModelConfig, mode: Mode
) -> Layer:
    """Returns a body, which takes captions, too, where the model knows words.

    Args:
      body: of the model.
      biases: how many `CaptionBias` are in it, and their width.
      config: the model's settings.
      mode: see `models.build_model`.
    """
    if config.caption_length is None:
        return body
    mean = CaptionMean(N_TEXT_TOKENS, TEXT_PAD_ID, config.d_model)
    words = Serial(mean, Dense(math.prod(biases)))
    return BiasedByCaption(words, body, config.caption_length, mode)
