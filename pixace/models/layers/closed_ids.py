"""Reserved ids that stand for no colour: they get no probability."""

from __future__ import annotations

from pixace.backend.door import jnp, trax
from pixace.backend.types import Array
from pixace.models.layers.head_loss import NEVER


class ClosedIds(trax.layers.base.Layer):
    """Makes the logits of the first ids so low that these never come; it has no weights.

    Args:
      n_closed: how many ids at the beginning of the vocabulary.
    """

    def __init__(self, n_closed: int) -> None:
        super().__init__(name=f"ClosedIds_{n_closed}")
        self._n_closed = n_closed

    @property
    def n_closed(self) -> int:
        """How many ids are closed."""
        return self._n_closed

    def forward(self, x: Array) -> Array:
        """Returns the logits, (..., V)."""
        is_closed = jnp.arange(x.shape[-1]) < self._n_closed
        return jnp.where(is_closed, jnp.asarray(NEVER, x.dtype), x)
