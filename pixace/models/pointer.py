"""A Transformer that sees the pixels around, and may copy colours that are there already.

The decoder is trax's. What it reads and what it says are layers of our own: besides the token
before it, each position sees its neighbourhood (`neighbours`), and each pixel is drawn from a
mixture of a plain last layer and of a copy (`pointer_head`).
"""

from __future__ import annotations

from pixace.backend.door import trax
from pixace.backend.types import Layer, Mode
from pixace.models.attention import transformer
from pixace.models.layers.grid_positions import GridPositions
from pixace.models.layers.neighbours import Neighbours
from pixace.models.layers.pointer_head import PointerHead
from pixace.settings.model import ModelConfig
from pixace.tokens.codec import codec_of
from pixace.tokens.vocabulary import N_RESERVED

_NEIGHBOUR_WIDTH = 24  # of the vector of one neighbour

Add, Branch, Dense, Embedding, Serial = (
    trax.layers.Add,
    trax.layers.Branch,
    trax.layers.Dense,
    trax.layers.Embedding,
    trax.layers.Serial,
)


def pointer_transformer(config: ModelConfig, mode: Mode, dropout: float) -> Layer:
    """Builds the model; see `models.build_model`."""
    shape, n_tokens = config.pictures.shape, codec_of(config.pictures).n_tokens
    shift, embedding, dropped, _, *decoder, _ = transformer(config, mode, dropout).sublayers
    around = Serial(
        Embedding(n_tokens, _NEIGHBOUR_WIDTH), Neighbours(shape, mode), Dense(config.d_model)
    )
    positions = GridPositions(shape, config.d_model, dropout, mode)
    return Serial(
        shift,
        Branch(Serial(Branch(embedding, around), Add(), dropped, positions), None),
        *decoder,
        PointerHead(shape, n_tokens, N_RESERVED, mode),
    )
