"""One step of training as one compiled program.

What trax's `Trainer` does: the pure function of the trax model, its gradient, an optimiser's step.
Here with a loss that never holds all logits, gradients summed over several passes where one would
take too much memory, and a share of the batch for each device.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from pixace.backend.door import compiler_options, jax, jnp
from pixace.dataset.batches import Batch
from pixace.models.build import build_model, random_weights
from pixace.models.conditioning import model_input
from pixace.models.heads import split_model
from pixace.settings.model import ModelConfig
from pixace.settings.training import TrainingSettings
from pixace.tokens.text import TEXT_PAD_ID
from pixace.training.optimizer import Optimizer, optimizer_named

_AXIS = "batch"


class TrainingState(NamedTuple):
    """What a step changes.

    Attributes:
      weights: the model's, float32, nested as trax does it.
      layer_state: what its layers keep besides; dropout rates, which stay the same.
      slots: what the optimiser keeps of each weight, in the order of `flat_weights`.
      rng: JAX key of the noise to come, uint32 (2,).
    """

    weights: Any
    layer_state: Any
    slots: Any
    rng: Any


def state_shapes(config: ModelConfig, settings: TrainingSettings, mesh: Any) -> TrainingState:
    """Returns shapes and dtypes of a state, and where its arrays are: whole on each device."""
    return jax.tree.map(
        lambda array: jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=_whole(mesh)),
        _traced_initial_state(
            config, settings.dropout, mesh, optimizer_named(settings.optimizer)
        ).out_info,
    )


@functools.lru_cache(maxsize=1)  # asked for again and again for one model, and trax is slow at this
def _traced_initial_state(
    config: ModelConfig, dropout: float, mesh: Any, optimizer: Optimizer
) -> Any:
    """Returns the function from a seed to a new state, traced: its shapes, its program."""

    def initial_state(seed: Any) -> TrainingState:
        # One key for the model; trax's `Loop` spends another on its model in mode eval.
        rng, model_rng = jax.random.split(jax.random.PRNGKey(seed))
        rng, _ = jax.random.split(rng)
        weights, state = random_weights(config, dropout, model_rng)
        return TrainingState(weights, state, optimizer.init(weights), rng)

    return jax.jit(initial_state, out_shardings=_whole(mesh)).trace(np.uint32(0))


def _whole(mesh: Any) -> Any:
    return jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())


class TrainingStep:
    """The program that makes a new state of an old one and a batch.

    Args:
      config: sizes of the model.
      settings: batch size, dropout, precision and so on; the batch size is a number.
      mesh: the devices, each of which takes an equal share of the batch.

    Attributes:
      state_shapes: shapes and dtypes of a `TrainingState`, and where its arrays are.
    """

    def __init__(self, config: ModelConfig, settings: TrainingSettings, mesh: Any) -> None:
        self._config = config
        self._settings = settings
        self._mesh = mesh
        self._optimizer = optimizer_named(settings.optimizer)
        self._whole = _whole(mesh)
        self._divided = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(_AXIS))
        self._initial = _traced_initial_state(config, settings.dropout, mesh, self._optimizer)
        self.state_shapes = state_shapes(config, settings, mesh)
        model = build_model(config, "train", settings.dropout, bool(settings.recompute))
        model.rng = jax.random.PRNGKey(0)  # each call brings its own
        model.weights, model.state = self.state_shapes[:2]
        self._body, self._head = split_model(model)

    def initial_state(self, seed: int) -> TrainingState:
        """Returns random weights, those that trax's `Loop` makes of that seed."""
        return self._initial.lower().compile()(np.uint32(seed))

    def initial_part(self, name: str, seed: int) -> Any:
        """Returns one field of the initial state, without the work of the others."""

        def part(seed: Any) -> Any:
            leaves = jax.extend.core.jaxpr_as_fun(self._initial.jaxpr)(seed)
            return getattr(jax.tree.unflatten(jax.tree.structure(self.state_shapes), leaves), name)

        return jax.jit(part, out_shardings=self._whole)(np.uint32(seed))

    def __call__(
        self, state: TrainingState, step: int, learning_rate: float, batch: Batch
    ) -> tuple[TrainingState, Any]:
        """Does a step; neither state nor loss is waited for.

        Args:
          state: before; its memory is used for the new one.
          step: number of this step, 1 for the first.
          learning_rate: in this step.
          batch: this process's share of it; all have weights or none has. For a model that knows
            words, no captions are pictures without words.

        Returns:
          The state after the step, and the loss before it: -ln p per pixel, the weighted mean where
          there are weights, float32 ().
        """
        if self._config.prefix_length is not None and batch.captions is None:
            shape = len(batch.tokens), self._config.prefix_length
            batch = batch._replace(captions=np.full(shape, TEXT_PAD_ID, np.int32))
        program = self._program if batch.weights is None else self._weighted_program
        batch = jax.tree.map(
            lambda array: jax.make_array_from_process_local_data(self._divided, array), batch
        )
        return program(state, *self.placed((np.int32(step), np.float32(learning_rate))), batch)

    def placed(self, arrays: Any) -> Any:
        """Returns a tree of NumPy arrays, the same in all processes, whole on all devices."""
        # Not by `device_put`, which lets the processes compare them first.
        return jax.tree.map(
            lambda array: jax.make_array_from_process_local_data(self._whole, array), arrays
        )

    def peak_bytes(self) -> int:
        """Returns the memory that a step needs on each device, as XLA has planned it.

        The state included, as it is there all the time.
        """
        plan = self._program.memory_analysis()
        return (
            plan.argument_size_in_bytes
            + plan.output_size_in_bytes
            - plan.alias_size_in_bytes  # outputs that take the place of arguments
            + plan.temp_size_in_bytes
        )

    @functools.cached_property
    def _program(self) -> Any:
        """The step of a batch without weights, compiled when it is first needed."""
        return self._compiled(self._shapes())

    @functools.cached_property
    def _weighted_program(self) -> Any:
        """The step of a batch with weights; another one, as nobody else should pay for them."""
        return self._compiled(self._shapes(is_weighted=True))

    def _compiled(self, batch: Any) -> Any:
        step = jax.jit(self._next, donate_argnums=0, out_shardings=self._whole)
        numbers = (
            jax.ShapeDtypeStruct((), dtype, sharding=self._whole)
            for dtype in (np.int32, np.float32)
        )
        return step.lower(self.state_shapes, *numbers, batch).compile(compiler_options())

    def _shapes(self, is_weighted: bool = False) -> Batch:
        """Returns the shapes of a whole batch's arrays, and where they are."""

        def rows(width: int, dtype: Any) -> Any:
            shape = self._settings.n_pictures, width
            return jax.ShapeDtypeStruct(shape, dtype, sharding=self._divided)

        n_pixels, n_bytes = self._config.n_pixels, self._config.prefix_length
        return Batch(
            tokens=rows(n_pixels, np.int32),
            weights=rows(n_pixels, np.float32) if is_weighted else None,
            captions=None if n_bytes is None else rows(n_bytes, np.int32),
        )

    def _next(
        self, state: TrainingState, step: Any, learning_rate: Any, batch: Any
    ) -> tuple[TrainingState, Any]:
        rng, noise = jax.random.split(state.rng)
        if batch.weights is not None:
            batch = batch._replace(weights=self._shares_of_loss(batch.weights))
        loss, gradients = self._on_all_devices(state.weights, state.layer_state, noise, batch)
        weights, slots = self._optimizer.update(
            step, learning_rate, gradients, state.weights, state.slots
        )
        return TrainingState(weights, state.layer_state, slots, rng), loss

    def _shares_of_loss(self, weights: Any) -> Any:
        """Returns what each token's -ln p is multiplied by, float32 (B, L).

        The loss is the mean of what the passes on all devices sum up. All weights count for that,
        wherever they are: a mean of the passes' own means would not be the weighted one.
        """
        total, n_sums = weights.sum(), self._mesh.size * self._settings.accumulate
        return weights * (n_sums / jnp.where(total > 0, total, 1))

    def _on_all_devices(self, weights: Any, layer_state: Any, noise: Any, batch: Any) -> Any:
        """Returns loss and gradients of a batch divided among the devices."""
        if self._mesh.size == 1:
            return self._in_passes(weights, layer_state, noise, batch)

        def of_share(weights: Any, layer_state: Any, noise: Any, batch: Any) -> Any:
            noise = jax.random.fold_in(noise, jax.lax.axis_index(_AXIS))
            return jax.lax.pmean(self._in_passes(weights, layer_state, noise, batch), _AXIS)

        whole, divided = jax.sharding.PartitionSpec(), jax.sharding.PartitionSpec(_AXIS)
        return jax.shard_map(
            of_share,
            mesh=self._mesh,
            in_specs=(whole, whole, whole, divided),
            out_specs=whole,
            check_vma=False,
        )(weights, layer_state, noise, batch)

    def _in_passes(self, weights: Any, layer_state: Any, noise: Any, batch: Any) -> Any:
        """Returns loss and gradients of one device's share, the mean of those of its passes."""
        loss_and_gradients = jax.value_and_grad(self._loss)
        n_passes = self._settings.accumulate
        if n_passes == 1:
            return loss_and_gradients(weights, layer_state, noise, batch)

        def add(sums: Any, part: tuple[Any, Any]) -> tuple[Any, None]:
            number, batch = part
            noise_of_pass = jax.random.fold_in(noise, number)
            results = loss_and_gradients(weights, layer_state, noise_of_pass, batch)
            return jax.tree.map(jnp.add, sums, results), None

        divided = jax.tree.map(lambda rows: rows.reshape(n_passes, -1, rows.shape[-1]), batch)
        parts = jnp.arange(n_passes), divided
        zeros = jnp.zeros(()), jax.tree.map(jnp.zeros_like, weights)
        sums, _ = jax.lax.scan(add, zeros, parts)
        return jax.tree.map(lambda array: array / n_passes, sums)

    def _loss(self, weights: Any, layer_state: Any, noise: Any, batch: Any) -> Any:
        """Returns the mean of -ln p over a batch; its sum where shares of the loss are given."""
        if self._settings.precision == "bfloat16":
            weights = jax.tree.map(lambda array: array.astype(jnp.bfloat16), weights)
        *body, head = weights
        read = model_input(self._body, batch.tokens, batch.captions)
        features, _ = self._body.pure_fn(read, tuple(body), layer_state[:-1], noise)
        nats = self._head.summed_nats(head, features, batch.tokens, batch.weights)
        return nats / batch.tokens.size if batch.weights is None else nats
