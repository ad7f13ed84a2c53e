"""What models are made of, as types for annotations: importing them starts no library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import jax

# Text to Python, so that no JAX is needed: outside annotations they cannot be joined by `|`.
Array: TypeAlias = "jax.Array"
Key: TypeAlias = "jax.Array"  # uint32 (2,), of `jax.random.PRNGKey`
# One array, or several, nested as trax nests weights and state: JAX has no type for that either.
ArrayTree: TypeAlias = Any

# trax has no type hints.
Layer: TypeAlias = Any  # trax.layers.Layer
Mode = Literal["train", "eval", "predict"]
Signature: TypeAlias = Any  # trax.shapes.ShapeDtype of a layer's input, or a tuple of them
