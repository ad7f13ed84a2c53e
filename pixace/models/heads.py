"""Where a model ends: its body makes features, its head says how well they foresee a token.

Whoever needs the loss of a model asks its head, and knows no kind of it.
"""

from __future__ import annotations

from pixace.backend.door import trax
from pixace.backend.types import Layer
from pixace.models.layers.dense_head import DenseHead
from pixace.models.layers.pointer_head import PointerHead


def split_model(model: Layer) -> tuple[Layer, DenseHead | PointerHead]:
    """Returns all of a model but its last layer, and what that layer says of tokens.

    The head's weights are the last of the model's, as its state is the last of the state.
    """
    *layers, last = model.sublayers
    if isinstance(last, PointerHead):
        return trax.layers.Serial(*layers), last
    kinds = [type(layer) for layer in last.sublayers or [last]]
    if [kind for kind in kinds if kind is not trax.layers.AssertShape] != [trax.layers.Dense]:
        raise TypeError(f"a model must end in a head, not in {last}")
    return trax.layers.Serial(*layers), DenseHead()
