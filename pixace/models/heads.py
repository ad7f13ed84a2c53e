"""Where a model ends: its body makes features, its head says how well they foresee a token.

Whoever needs the loss of a model asks its head, and knows no kind of it.
"""

from __future__ import annotations

from pixace.backend.door import trax
from pixace.backend.types import Layer
from pixace.models.layers.closed_ids import ClosedIds
from pixace.models.layers.dense_head import DenseHead
from pixace.models.layers.pointer_head import PointerHead


def split_model(model: Layer) -> tuple[Layer, DenseHead | PointerHead]:
    """Returns all of a model but its last layer, and what that layer says of tokens.

    The head's weights are the last of the model's, as its state is the last of the state.
    """
    *layers, last = model.sublayers
    if isinstance(last, PointerHead):
        return trax.layers.Serial(*layers), last
    dense, *others = [one for one in _leaves(last) if type(one) is not trax.layers.AssertShape]
    if type(dense) is not trax.layers.Dense or {type(one) for one in others} - {ClosedIds}:
        raise TypeError(f"a model must end in a head, not in {last}")
    return trax.layers.Serial(*layers), DenseHead(sum(one.n_closed for one in others))


def close_ids(model: Layer, n_closed: int) -> Layer:
    """Returns a model without weights that gives the first ids no probability.

    Args:
      model: ends in a `Dense`.
      n_closed: how many ids.
    """
    *layers, last = model.sublayers
    return trax.layers.Serial(*layers, trax.layers.Serial(last, ClosedIds(n_closed)))


def _leaves(layer: Layer) -> list[Layer]:
    """Returns the layers in a layer that have none in them, in their order."""
    if not layer.sublayers:
        return [layer]
    return [leaf for below in layer.sublayers for leaf in _leaves(below)]
