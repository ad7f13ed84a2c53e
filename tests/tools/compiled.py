"""Models called by one compiled function: as trax calls them, layer by layer, takes far longer."""

from typing import Any

import numpy as np

from pixace.backend.door import jax


class Compiled:
    """A model as a function of what it reads, of its own weights; it keeps the model's state.

    Args:
      model: a trax layer with weights.
      rng: key of its noise.
    """

    def __init__(self, model, rng=None) -> None:
        self._model = model
        self._rng = jax.random.PRNGKey(0) if rng is None else rng
        self._function = jax.jit(model.pure_fn)
        self._state = model.state

    def __call__(self, read: Any) -> np.ndarray:
        """Returns what the model says, and remembers what it has read."""
        said, self._state = self._function(read, self._model.weights, self._state, self._rng)
        return np.asarray(said)
