"""Models that know words: what they read, and what they are told before they draw.

A model whose settings have a `prefix_length` P reads tokens and captions in modes train and eval.
In mode predict it reads tokens alone, after `read_captions`. One that knows all orders of pixels
reads which it is behind the caption; where nothing stands there but a pad, it is row by row.
"""

from __future__ import annotations

import numpy as np

from pixace.backend.door import jnp
from pixace.backend.types import Array, ArrayTree, Layer
from pixace.models.layers.captions import Captioned
from pixace.tokens.text import TEXT_PAD_ID


def prefix_length_of(model: Layer) -> int | None:
    """Returns P of a model in any mode, or of its body: how many tokens it reads before pixels.

    They are a caption, and one that tells the order of pixels; None where it reads neither.
    """
    return next((layer.length for layer in model.sublayers if isinstance(layer, Captioned)), None)


def model_input(model: Layer, tokens: Array, captions: Array | None = None) -> ArrayTree:
    """Returns what a model, or its body, reads in modes train and eval.

    Args:
      model: see `prefix_length_of`.
      tokens: int32 (B, T).
      captions: int32 (B, P), or fewer that are followed by pads; None is a picture without words,
        all pads.

    Raises:
      ValueError: there are captions for a model that knows no words.
    """
    length = prefix_length_of(model)
    if length is None:
        if captions is not None:
            raise ValueError("captions for a model that knows no words")
        return tokens
    if captions is None:
        return tokens, no_captions(len(tokens), length)
    return tokens, padded(captions, length)


def padded(captions: Array, length: int) -> Array:
    """Returns captions, int32 (B, T), with as many pads behind them as make them (B, length)."""
    n_pads = length - captions.shape[1]
    if n_pads < 1:
        return captions
    return jnp.pad(captions, ((0, 0), (0, n_pads)), constant_values=TEXT_PAD_ID)


def no_captions(n_pictures: int, length: int) -> Array:
    """Returns the captions of pictures without words, int32 (n_pictures, length)."""
    return jnp.full((n_pictures, length), TEXT_PAD_ID, np.int32)


def read_captions(
    model: Layer, weights: ArrayTree, memory: ArrayTree, captions: Array
) -> ArrayTree:
    """Tells a model in mode predict what to draw, before it is fed the start symbol.

    It may be traced.

    Args:
      model: in mode predict; nothing is told to one that knows no words.
      weights: of the model.
      memory: its state, which has seen nothing; of captions told before, nothing is left.
      captions: int32 (B, P), all pads for a picture without words.

    Returns:
      The state to draw from.
    """
    parts = zip(model.sublayers, weights, memory, strict=True)
    return tuple(
        layer.told(captions, of_layer, part) if isinstance(layer, Captioned) else part
        for layer, of_layer, part in parts
    )
