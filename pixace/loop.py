"""trax's training loop, with checkpoints of our own instead of its."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pixace.checkpoints import Checkpoint, fit_arrays
from pixace.config import ModelConfig, TrainingSettings
from pixace.data import Batch
from pixace.errors import UsageError
from pixace.models import build_model, flat_weights, set_flat_weights
from pixace.trax_compat import jax, jnp, trax


class Loop(trax.supervised.training.Loop):
    """trax's `Loop`, which also tells the loss of a step and how to store and restore itself.

    trax writes and reads no file here: without an output folder it has no checkpoints, and its
    metrics go nowhere. See `checkpoints` for the reasons.
    """

    _rng: Any

    def _run_one_step(self, task_index: int, task_changed: bool) -> tuple[Any, Any]:
        loss, stats = super()._run_one_step(task_index, task_changed)
        self.loss = jnp.mean(loss)  # over the devices; not waited for
        return loss, stats

    @property
    def _slots(self) -> tuple[Any, ...]:
        return self._trainer_per_task[0].slots

    def learning_rate(self) -> float:
        """Returns the learning rate of the current step."""
        return float(self.tasks[0].learning_rate(self.step))

    def capture(self) -> Checkpoint:
        """Returns step, weights, optimiser and random key as NumPy arrays."""
        return Checkpoint(
            step=self.step,
            weights=[np.asarray(array) for array in flat_weights(self.model)],
            slots=[np.asarray(array) for array in trax.fastmath.tree_flatten(self._slots)],
            progress={"rng": np.asarray(self._rng)},
        )

    def trax_fields(self) -> dict[str, Any]:
        """Returns what plain trax needs to read our checkpoints, besides the weights."""
        flatten = trax.layers.base.flatten_weights_and_state
        _, flat_state = flatten((), self.model.state)
        _, flat_eval_state = flatten((), self.eval_model.state)
        return {
            "flat_state": [np.asarray(array) for array in flat_state],
            "flat_eval_state": [np.asarray(array) for array in flat_eval_state],
            "input_signature": self._batch_signature[: self.model.n_in],
        }

    def restore(self, checkpoint: Checkpoint, path: Path, config: ModelConfig) -> None:
        """Goes on from a stored state.

        The state of the layers is not restored: it holds dropout rates, which are settings.

        Raises:
          CheckpointError: its arrays do not fit.
        """
        weights = fit_arrays(checkpoint.weights, flat_weights(self.model), path, config)
        set_flat_weights(self.model, weights)
        self.update_weights_and_state(weights=self.model.weights)
        self.eval_model.weights = self.model.weights
        if checkpoint.slots is not None:
            expected = trax.fastmath.tree_flatten(self._slots)
            slots = fit_arrays(checkpoint.slots, expected, path, config, what="optimiser slot")
            self._trainer_per_task[0].slots, _ = trax.fastmath.tree_unflatten(slots, self._slots)
        self._step = checkpoint.step
        rng = checkpoint.progress.get("rng")
        if isinstance(rng, np.ndarray) and rng.shape == self._rng.shape:
            self._rng = jnp.asarray(rng, self._rng.dtype)


def build_loop(
    config: ModelConfig, settings: TrainingSettings, seed: int, batches: Iterator[Batch]
) -> Loop:
    """Builds models, loss, optimiser and schedule; initialises the weights from the seed."""
    n_devices = jax.local_device_count()
    if settings.batch_size % n_devices:
        raise UsageError(
            f"batch_size must be a multiple of the {n_devices} devices, not {settings.batch_size}"
        )
    sample = np.full((settings.batch_size, config.n_pixels), 2, np.int32)
    task = trax.supervised.training.TrainTask(
        labeled_data=batches,
        loss_layer=trax.layers.WeightedCategoryCrossEntropy(),
        optimizer=trax.optimizers.Adam(),
        lr_schedule=trax.lr.multifactor(
            # multifactor divides by the root of the step, and so by that of the warm-up at its end
            constant=settings.learning_rate * math.sqrt(settings.warmup_steps),
            warmup_steps=settings.warmup_steps,
        ),
        sample_batch=Batch(sample, sample, np.ones(sample.shape, np.float32)),
    )
    return Loop(
        build_model(config, "train", settings.dropout),
        task,
        eval_model=build_model(config, "eval"),
        checkpoint_at=lambda step: False,
        random_seed=seed,
    )
