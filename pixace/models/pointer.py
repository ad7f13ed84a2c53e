"""A Transformer that sees the pixels around, and may copy colours that are there already.

The decoder is trax's. What it reads and what it says are layers of our own: besides the token
before it, each position sees its neighbourhood (`neighbours`), and each pixel is drawn from a
mixture of a plain last layer and of a copy (`pointer_head`).
"""

from __future__ import annotations

from collections.abc import Sequence

from pixace.backend.door import trax
from pixace.backend.trax_internals import scale_initial_weights
from pixace.backend.types import Layer, Mode
from pixace.models.attention import after_caption, transformer_layers
from pixace.models.layers.dense_head import DenseHead
from pixace.models.layers.factored_embedding import FactoredEmbedding
from pixace.models.layers.factored_head import FactoredHead
from pixace.models.layers.grid_positions import GridPositions
from pixace.models.layers.neighbours import Neighbours
from pixace.models.layers.pointer_head import PlainHead, PointerHead
from pixace.settings.model import ModelConfig
from pixace.tokens.codec import Codec, codec_of

_NEIGHBOUR_WIDTH, _NEIGHBOUR_SCALE = 24, 0.5  # of the vector of one neighbour
_COLOUR_SCALE = 0.06  # of the vector of the token before
# With more, the last layer says one factor of a colour after another: with 8192 colours a step then
# takes three quarters of the time and learns as much (2.65 bits against 2.66 after 80 steps of 4).
_MANY_TOKENS = 2048

Add, Branch, Dense, Select, Serial = (
    trax.layers.Add,
    trax.layers.Branch,
    trax.layers.Dense,
    trax.layers.Select,
    trax.layers.Serial,
)


def pointer_transformer(config: ModelConfig, mode: Mode, dropout: float) -> Layer:
    """Builds the model; see `models.build_model`."""
    shape, codec = config.pictures.raster, codec_of(config.pictures)
    shift, embedding, dropped, _, *blocks, norm, _ = transformer_layers(config, mode, dropout)
    if _comes_apart(codec):
        embedding = FactoredEmbedding(codec.factors(), config.d_model, _COLOUR_SCALE)
    neighbour = FactoredEmbedding(codec.factors(), _NEIGHBOUR_WIDTH, _NEIGHBOUR_SCALE)
    around = Serial(neighbour, Neighbours(shape, mode), Dense(config.d_model))
    _quieten(blocks)
    decoder = after_caption(blocks, config, mode)
    positions = GridPositions(shape, config.d_model, dropout, mode)
    return Serial(
        shift,
        Branch(Serial(Branch(embedding, around), Add(), dropped, positions), None),
        *_captions_up(config, mode),
        *decoder,
        norm,
        PointerHead(shape, codec.n_tokens, _plain_head(codec), mode),
    )


def _captions_up(config: ModelConfig, mode: Mode) -> list[Layer]:
    """Returns what brings captions, where there are any, beside the features of pixels."""
    if config.prefix_length is None:
        return []
    # From features, the tokens before, and captions; there are none in mode predict.
    return [Select([0] if mode == "predict" else [0, 2, 1])]


def _plain_head(codec: Codec) -> PlainHead:
    """Returns what tells the colours that are not copied."""
    if _comes_apart(codec):
        return FactoredHead(codec.factors())
    return DenseHead(n_closed=int((codec.factors() < 0).all(axis=1).sum()))


def _comes_apart(codec: Codec) -> bool:
    """Returns whether many colours are made of several factors; those of a palette are not."""
    return codec.n_tokens > _MANY_TOKENS and codec.factors().shape[1] > 1


def _quieten(decoder: Sequence[Layer]) -> None:
    """Lets each residual block add so little at first that all together add as much as one.

    As GPT-2 began (Radford et al., 2019); learns much faster, 2.82 bits for 2.99 after 140 steps.
    """
    residuals = [denses for denses in map(_denses, decoder) if denses]
    for denses in residuals:
        scale_initial_weights(denses[-1], len(residuals) ** -0.5)


def _denses(layer: Layer) -> list[Layer]:
    """Returns the matrices in a layer, at any depth, in the order in which they come."""
    if isinstance(layer, Dense):
        return [layer]
    return [dense for below in layer.sublayers for dense in _denses(below)]
