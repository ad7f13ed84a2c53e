"""What pixace has to know of trax beyond its public names, in functions (trax 1.4.1).

Layers of our own take the place of trax's with the same settings and weights; trax keeps settings
in private attributes. Another trax would be met here, and by the mends, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from pixace.backend.door import trax
from pixace.backend.types import Layer


class DropoutSettings(NamedTuple):
    """Settings of `trax.layers.Dropout`.

    Attributes:
      rate: share of the activations that are dropped.
      shared_axes: along which all are dropped, or none.
      mode: train, eval or predict.
    """

    rate: float
    shared_axes: Sequence[int]
    mode: str


class SelfAttentionSettings(NamedTuple):
    """Settings of `trax.layers.SelfAttention`.

    Attributes:
      attention_dropout: share of the probabilities that are dropped; 0 but in mode train.
      output_dropout: share of the output's numbers, likewise.
      is_plain: whether it is causal, and neither masked nor chunked, nor shares its projections of
        queries and keys, nor adds to them.
    """

    attention_dropout: float
    output_dropout: float
    is_plain: bool


def dropout_settings(layer: Layer) -> DropoutSettings:
    """Returns the settings of a `trax.layers.Dropout`."""
    return DropoutSettings(layer._initial_rate, layer._shared_axes, layer._mode)


def dropout_and_mode(layer: Layer) -> tuple[float, str]:
    """Returns the dropout's rate and the mode of a layer that has both.

    Args:
      layer: `trax.layers.DotProductCausalAttention` or `trax.layers.PositionalEncoding`.
    """
    return layer._dropout, layer._mode


def self_attention_settings(layer: Layer) -> SelfAttentionSettings:
    """Returns the settings of a `trax.layers.SelfAttention`."""
    others = layer._masked, layer._chunk_len, layer._share_qk, layer._bias, not layer._causal
    return SelfAttentionSettings(
        layer._attention_dropout, layer._output_dropout, is_plain=not any(others)
    )


def half_residual_parts(layer: Layer) -> tuple[Sequence[Layer], Layer]:
    """Returns what a `trax.layers.ReversibleHalfResidual` was made of.

    Returns:
      The layers of its residual branch, and its attention layer, or None.
    """
    return layer._compute_residual.sublayers, layer._attention_layer


def is_residual(layer: Layer) -> bool:
    """Tells `trax.layers.Residual`, which is no class of its own, from other series."""
    return type(layer) is trax.layers.Serial and any(
        type(below) is trax.layers.Serial for below in layer.sublayers
    )


def set_sublayers(layer: Layer, sublayers: Sequence[Layer]) -> None:
    """Gives a layer, which was made of others, these."""
    layer._sublayers = list(sublayers)


def forward_and_or_backward(layer: Layer) -> Any:
    """Returns the function by which trax runs a layer that leaves its gradient to JAX.

    `trax.layers.ReversibleHalfResidual` asks its attention layer for a method of that name.
    """
    return trax.layers.reversible._forward_and_or_backward(layer)


def scale_initial_weights(layer: Layer, factor: float) -> None:
    """Makes the matrix that a `trax.layers.Dense` will begin with so many times as large."""
    make = layer._kernel_initializer
    layer._kernel_initializer = lambda shape, rng: factor * make(shape, rng)
