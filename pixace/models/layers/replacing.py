"""Putting layers of our own into the models that trax builds."""

from __future__ import annotations

from collections.abc import Callable

from pixace.backend.trax_internals import set_sublayers
from pixace.backend.types import Layer


def replace_sublayers(
    layer: Layer, kind: type | tuple[type, ...], make: Callable[[Layer], Layer]
) -> None:
    """Puts a new layer in the place of every one of a kind, at any depth.

    Args:
      layer: a trax layer, changed in place; itself it stays.
      kind: class of the layers that are replaced, or several.
      make: returns the new layer for an old one, with weights of the same nesting.
    """
    set_sublayers(layer, [make(old) if isinstance(old, kind) else old for old in layer.sublayers])
    for below in layer.sublayers:
        replace_sublayers(below, kind, make)
