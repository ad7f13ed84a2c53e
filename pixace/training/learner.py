"""The learner: batches in, better weights out."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pixace.backend.door import jax
from pixace.checkpoints.file import Checkpoint
from pixace.checkpoints.fitting import fit_arrays
from pixace.checkpoints.resume import ResumeState
from pixace.checkpoints.time_plan import TimePlan
from pixace.dataset.batches import Batch
from pixace.models.build import build_model, input_signature
from pixace.models.weights import flat_weights, nested_weights
from pixace.settings.model import ModelConfig
from pixace.settings.training import TrainingSettings
from pixace.training.devices import batch_mesh, on_one_device
from pixace.training.learning_rate import learning_rate_schedule, planned_rate
from pixace.training.peers import Peers
from pixace.training.start import StartingPoint
from pixace.training.step import TrainingState, TrainingStep


class Learner:
    """A model in training, which can be stored and restored.

    Args:
      config: its sizes.
      settings: batch size, dropout, learning rate and so on.
      seed: of weights and dropout.
      batches: one for each step.
      one_step: for these sizes and settings, where there is one already.

    Attributes:
      step: steps done.
      learning_rate: of the last step.
      eval_model: the model in mode eval; lends its functions, not its weights.
      loss: of the last step, nats per pixel, float32 (); not waited for.
    """

    def __init__(
        self,
        config: ModelConfig,
        settings: TrainingSettings,
        seed: int,
        batches: Iterator[Batch],
        one_step: TrainingStep | None = None,
    ) -> None:
        self._config = config
        self._settings = settings
        self._seed = seed
        self._batches = batches
        self._advance = one_step or TrainingStep(config, settings, batch_mesh())
        self._rate_of = learning_rate_schedule(settings)
        self.eval_model = build_model(config, "eval")
        self.eval_model.rng = jax.random.PRNGKey(0)
        self.eval_model.weights = self._advance.state_shapes.weights
        self._layer_state = jax.tree.map(
            np.asarray, self._advance.initial_part("layer_state", seed)
        )
        self.eval_model.state = self._layer_state
        self.step = 0
        self.learning_rate = 0.0
        self.loss: Any = None

    @functools.cached_property
    def _state(self) -> TrainingState:
        """Random at first, unless another one is restored before this is needed."""
        return self._advance.initial_state(self._seed)

    @property
    def weights(self) -> Any:
        """The model's, nested as trax does it, on one device; gone when the next step is done."""
        return on_one_device(self._state.weights)

    def follow(self, plan: TimePlan) -> None:
        """Takes the learning rates of the steps to come from a plan by minutes."""
        self._rate_of = functools.partial(planned_rate, self._settings, plan)

    def advance(self) -> None:
        """Does one step."""
        self.step += 1
        self.learning_rate = self._rate_of(self.step)
        self._state, loss = self._advance(
            self._state, self.step, self.learning_rate, next(self._batches)
        )
        self.loss = on_one_device(loss)

    def capture(self) -> Checkpoint:
        """Returns step, weights, optimiser and random key as NumPy arrays."""
        state = self._state
        return Checkpoint(
            step=self.step,
            weights=[np.asarray(array) for array in flat_weights(state.weights)],
            slots=[np.asarray(array) for array in jax.tree.leaves(state.slots)],
            resume=ResumeState(rng=np.asarray(state.rng)),
        )

    def trax_fields(self) -> dict[str, Any]:
        """Returns what plain trax needs to read our checkpoints, besides the weights."""
        sizes = self._settings.n_pictures, self._config.n_pixels
        read = input_signature(self.eval_model, *sizes)
        state = jax.tree.leaves(self._layer_state)
        return {
            "flat_state": state,
            "flat_eval_state": list(state),
            "input_signature": read if isinstance(read, tuple) else (read,),
        }

    def restore(self, start: StartingPoint | None, peers: Peers) -> None:
        """Goes on from a stored state; of several processes, all from the first one's.

        The state of the layers is not restored: it holds dropout rates, which are settings.

        Args:
          start: what is stored; None in all processes but the first.
          peers: all processes.

        Raises:
          CheckpointError: its arrays do not fit.
        """
        shapes = self._advance.state_shapes
        like = np.int32(0), shapes.weights, shapes.slots, shapes.rng
        if start is None:
            stored = jax.tree.map(lambda array: np.zeros(array.shape, array.dtype), like)
        else:
            stored = self._stored(start.checkpoint, start.path)
        arrays, structure = jax.tree.flatten(stored)
        arrays = peers.arrays_from_first(arrays)
        step, *state = jax.tree.unflatten(structure, arrays)
        weights, slots, rng = state
        self._state = self._advance.placed(TrainingState(weights, self._layer_state, slots, rng))
        self.step = int(step)

    def _stored(self, checkpoint: Checkpoint, path: Path) -> tuple[Any, ...]:
        """Returns step, weights, slots and random key; new ones where nothing is stored."""
        shapes, config = self._advance.state_shapes, self._config
        weights = fit_arrays(checkpoint.weights, flat_weights(shapes.weights), path, config)
        if checkpoint.slots is None:
            slots = self._advance.initial_part("slots", self._seed)
        else:
            expected, structure = jax.tree.flatten(shapes.slots)
            slots = fit_arrays(checkpoint.slots, expected, path, config, what="optimiser slot")
            slots = jax.tree.unflatten(structure, slots)
        rng = checkpoint.resume.rng
        if rng is not None and rng.shape == shapes.rng.shape:
            rng = rng.astype(shapes.rng.dtype)
        else:
            rng = self._advance.initial_part("rng", self._seed)
        return np.int32(checkpoint.step), nested_weights(weights, shapes.weights), slots, rng
