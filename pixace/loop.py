"""The training loop: batches in, better weights out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pixace.checkpoints import Checkpoint, fit_arrays
from pixace.config import ModelConfig, TrainingSettings
from pixace.devices import batch_mesh
from pixace.learning_rate import learning_rate_schedule
from pixace.models import build_model, flat_weights, nested_weights
from pixace.training_step import TrainingState, TrainingStep
from pixace.trax_compat import jax, jnp, trax


class Loop:
    """A model in training, which can be stored and restored.

    Args:
      config: its sizes.
      settings: batch size, dropout, learning rate and so on.
      seed: of weights and dropout.
      batches: int32 tokens (B, L) for each step.
      one_step: for these sizes and settings, where there is one already.

    Attributes:
      step: steps done.
      eval_model: the model in mode eval; lends its functions, not its weights.
      loss: of the last step, nats per pixel, float32 (); not waited for.
    """

    def __init__(
        self,
        config: ModelConfig,
        settings: TrainingSettings,
        seed: int,
        batches: Iterator[np.ndarray],
        one_step: TrainingStep | None = None,
    ) -> None:
        self._config = config
        self._settings = settings
        self._batches = batches
        self._advance = one_step or TrainingStep(config, settings, batch_mesh())
        self._state = self._advance.initial_state(seed)
        self._schedule = learning_rate_schedule(settings)
        self.eval_model = build_model(config, "eval")
        self.eval_model.rng = jax.random.PRNGKey(0)
        self.eval_model.weights = jax.eval_shape(lambda: self._state.weights)
        self.eval_model.state = jax.tree.map(jnp.copy, self._state.layer_state)  # steps take theirs
        self.step = 0
        self.loss: Any = None

    @property
    def weights(self) -> Any:
        """The model's weights, nested as trax does it; gone when the next step is done."""
        return self._state.weights

    def advance(self) -> None:
        """Does one step."""
        self.step += 1
        self._state, self.loss = self._advance(
            self._state, self.step, self.learning_rate(), next(self._batches)
        )

    def learning_rate(self) -> float:
        """Returns the learning rate of the current step."""
        return self._schedule(self.step)

    def capture(self) -> Checkpoint:
        """Returns step, weights, optimiser and random key as NumPy arrays."""
        state = self._state
        return Checkpoint(
            step=self.step,
            weights=[np.asarray(array) for array in flat_weights(state.weights)],
            slots=[np.asarray(array) for array in jax.tree.leaves(state.slots)],
            progress={"rng": np.asarray(state.rng)},
        )

    def trax_fields(self) -> dict[str, Any]:
        """Returns what plain trax needs to read our checkpoints, besides the weights."""
        shape = (self._settings.n_pictures, self._config.n_pixels)
        state = [np.asarray(leaf) for leaf in jax.tree.leaves(self._state.layer_state)]
        return {
            "flat_state": state,
            "flat_eval_state": list(state),
            "input_signature": (trax.shapes.ShapeDtype(shape, np.dtype(np.int32)),),
        }

    def restore(self, checkpoint: Checkpoint, path: Path) -> None:
        """Goes on from a stored state.

        The state of the layers is not restored: it holds dropout rates, which are settings.

        Raises:
          CheckpointError: its arrays do not fit.
        """
        config, (weights, layer_state, slots, rng) = self._config, self._state
        arrays = fit_arrays(checkpoint.weights, flat_weights(weights), path, config)
        weights = nested_weights(arrays, weights)
        if checkpoint.slots is not None:
            expected, structure = jax.tree.flatten(slots)
            arrays = fit_arrays(checkpoint.slots, expected, path, config, what="optimiser slot")
            slots = jax.tree.unflatten(structure, arrays)
        stored_rng = checkpoint.progress.get("rng")
        if isinstance(stored_rng, np.ndarray) and stored_rng.shape == rng.shape:
            rng = stored_rng.astype(rng.dtype)
        self._state = self._advance.placed(TrainingState(weights, layer_state, slots, rng))
        self.step = checkpoint.step
