"""PixelCNN: convolutions in the place of attention, as trax models over the tokens of a picture.

The gated kind (van den Oord et al., 2016, https://arxiv.org/abs/1606.05328) looks at the rows above
with one stack of convolutions and at its own row with another, so that no pixel before it is
hidden. The simpler kind (van den Oord et al., 2016, https://arxiv.org/abs/1601.06759) has one
stack, which does not see a wedge to the upper right.
"""

from __future__ import annotations

from pixace.backend.door import jax, trax
from pixace.backend.types import Array, Layer
from pixace.models.layers.masked_convolutions import Mask, MaskedConvolution, VerticalConvolution
from pixace.models.layers.raster import LastRow, PixelOfRow, Raster, RowByRow
from pixace.models.layers.recomputation import Block
from pixace.settings.model import ModelConfig
from pixace.tokens.codec import codec_of

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


def gated_pixelcnn(config: ModelConfig, mode: str, dropout: float) -> Layer:
    """Builds the gated PixelCNN; see `models.build_model`.

    Of its blocks, `n_layers`, each has `d_model` channels in both stacks; all add `d_ff` features
    to what the output is made of. The vertical stack is residual, too.
    """
    blocks = [_gated_block(config, mode, dropout, is_first=i == 0) for i in range(config.n_layers)]
    return Serial(
        Raster(
            trax.layers.Embedding(codec_of(config.pictures).n_tokens, config.d_model),
            *blocks,
            Select([2], n_in=3),
            trax.layers.Relu(),
            Dense(config.d_ff),
            trax.layers.Relu(),
            edge=config.pictures.width,
            mode=mode,
        ),
        Dense(codec_of(config.pictures).n_tokens),
    )


def _gated_block(config: ModelConfig, mode: str, dropout: float, *, is_first: bool) -> Layer:
    """Maps (vertical, horizontal, skipped) to the same; the first block, pixels to these three."""
    width, edge, n_columns = config.d_model, config.pictures.width, config.kernel_size
    mask: Mask = "A" if is_first else "B"
    n_rows = n_columns // 2 + (not is_first)  # those above, and from the second block on its own
    look_up = VerticalConvolution(2 * width, (n_rows, n_columns), mask, mode)
    look_left = MaskedConvolution(2 * width, (1, n_columns), mask, edge, mode)
    gate_and_link = Branch(_gate(), Dense(2 * width))
    parts = Branch(Dense(width), Dense(config.d_ff))
    into_row = Serial(trax.layers.Add(), _gate(), Dropout(rate=dropout, mode=mode), parts)
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


def residual_pixelcnn(config: ModelConfig, mode: str, dropout: float) -> Layer:
    """Builds the PixelCNN of residual blocks; see `models.build_model`.

    A masked convolution of 7 x 7, then `n_layers` blocks of `d_model` channels and half as many
    inside them, then a layer of width `d_ff`.
    """
    edge = config.pictures.width
    look = MaskedConvolution(config.d_model, (_FIRST_EDGE // 2 + 1, _FIRST_EDGE), "A", edge, mode)
    return Serial(
        Raster(
            trax.layers.Embedding(codec_of(config.pictures).n_tokens, config.d_model),
            look,
            *[_residual_block(config, mode, dropout) for _ in range(config.n_layers)],
            LayerNorm(),
            trax.layers.Relu(),
            Dense(config.d_ff),
            trax.layers.Relu(),
            edge=edge,
            mode=mode,
        ),
        Dense(codec_of(config.pictures).n_tokens),
    )


def _residual_block(config: ModelConfig, mode: str, dropout: float) -> Layer:
    """Adds what 1 x 1, masked and 1 x 1 convolutions make of the features."""
    half, n_columns = config.d_model // 2, config.kernel_size
    shape = n_columns // 2 + 1, n_columns
    return Block(
        trax.layers.Residual(
            LayerNorm(),
            trax.layers.Relu(),
            Dense(half),
            trax.layers.Relu(),
            MaskedConvolution(half, shape, "B", config.pictures.width, mode),
            trax.layers.Relu(),
            Dropout(rate=dropout, mode=mode),
            Dense(config.d_model),
        )
    )


def _gate() -> Layer:
    """Returns tanh of one half of the channels times the sigmoid of the other."""

    def gate(x: Array) -> Array:
        values, gates = jax.numpy.split(x, 2, axis=-1)
        return jax.numpy.tanh(values) * jax.nn.sigmoid(gates)

    return trax.layers.Fn("Gate", gate)
