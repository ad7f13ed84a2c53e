"""What the modules on models call things."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

Mode = Literal["train", "eval", "predict"]
Layer: TypeAlias = Any  # trax.layers.Layer; trax has no type hints
Signature: TypeAlias = Any  # trax.shapes.ShapeDtype of a layer's input, or a tuple of them
