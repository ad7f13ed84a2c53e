"""A model's weights: counted, flattened, nested, divided into body and head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pixace.backend.door import jax, jnp, trax
from pixace.models.types import Layer


def count_weights(weights: Any) -> int:
    """Returns the number of trainable numbers in a model's weights."""
    return sum(array.size for array in flat_weights(weights))


def flat_weights(weights: Any) -> list[Any]:
    """Returns the arrays of a model's `weights` in the flat order that checkpoints use."""
    flat, _ = trax.layers.base.flatten_weights_and_state(weights, ())
    return flat


def nested_weights(arrays: Sequence[Any], like: Any) -> Any:
    """Returns arrays in the order of `flat_weights` as nested as the weights of another model."""
    on_device = [jnp.asarray(array) for array in arrays]  # NumPy arrays would go there every call
    nested, _ = trax.layers.base.unflatten_weights_and_state(
        on_device, (), (like, ()), weights_only=True
    )
    return nested


def without_head(model: Layer) -> Layer:
    """Returns all of a model but its last layer, the `Dense` that makes logits of features."""
    *layers, head = model.sublayers
    kinds = [type(layer) for layer in head.sublayers or [head]]
    if [kind for kind in kinds if kind is not trax.layers.AssertShape] != [trax.layers.Dense]:
        raise TypeError(f"a model must end in a Dense layer, not in {head}")
    return trax.layers.Serial(*layers)


def split_weights(weights: Any) -> tuple[Any, tuple[Any, Any]]:
    """Returns the weights of all of a model but its head, and the head's matrix and bias."""
    *body, head = weights
    matrix, bias = jax.tree.leaves(head)
    return tuple(body), (matrix, bias)
