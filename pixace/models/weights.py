"""A model's weights: counted, flattened, nested."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pixace.backend.door import jnp, trax
from pixace.backend.types import Array, ArrayTree


def count_weights(weights: ArrayTree) -> int:
    """Returns the number of trainable numbers in a model's weights."""
    return sum(array.size for array in flat_weights(weights))


def flat_weights(weights: ArrayTree) -> list[Any]:
    """Returns the arrays of a model's `weights`, or what stands in their places, such as shapes.

    They are in the flat order that checkpoints use.
    """
    flat, _ = trax.layers.base.flatten_weights_and_state(weights, ())
    return flat


def nested_weights(arrays: Sequence[np.ndarray | Array], like: ArrayTree) -> ArrayTree:
    """Returns arrays in the order of `flat_weights` as nested as the weights of another model."""
    on_device = [jnp.asarray(array) for array in arrays]  # NumPy arrays would go there every call
    nested, _ = trax.layers.base.unflatten_weights_and_state(
        on_device, (), (like, ()), weights_only=True
    )
    return nested
