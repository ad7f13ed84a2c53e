"""The optimisers: what each keeps of every weight, and how it makes a step of a gradient.

A new optimiser needs a function here and one line in `_OPTIMIZERS`. Whoever needs to know how much
memory its arrays take, or how many of them are in a checkpoint, asks its `slots_per_weight`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from pixace.backend.door import jax, trax
from pixace.checkpoints.trax_files import ADAM_SLOTS_PER_WEIGHT
from pixace.settings.training import ADAM, MUON
from pixace.training.muon import muon_step


class Optimizer(NamedTuple):
    """How weights change with their gradients; its functions are to be traced by JAX.

    Attributes:
      name: what it is called in the settings.
      slots_per_weight: arrays that it keeps for each array of weights, of the same shape.
      init: returns the slots of new weights, both trees of float32 arrays.
      update: returns weights and slots after a step, from the number of the step (1 for the first),
        the learning rate, the gradients, the weights and the slots before it.
    """

    name: str
    slots_per_weight: int
    init: Callable[[Any], Any]
    update: Callable[[Any, Any, Any, Any, Any], tuple[Any, Any]]


@functools.cache
def optimizer_named(name: str) -> Optimizer:
    """Returns the optimiser of that name, always the same object."""
    return _OPTIMIZERS[name]()


def _adam() -> Optimizer:
    """Returns Adam (https://arxiv.org/abs/1412.6980), with trax's defaults."""
    adam = trax.optimizers.Adam()

    def init(weights: Any) -> Any:
        slots, _ = adam.tree_init(weights)
        return slots

    def update(
        step: Any, learning_rate: Any, gradients: Any, weights: Any, slots: Any
    ) -> tuple[Any, Any]:
        settings = {**adam.opt_params, "learning_rate": learning_rate}
        weights, slots, _ = adam.tree_update(
            step, gradients, weights, slots, settings, store_slots=False
        )
        return weights, slots

    return Optimizer(ADAM, ADAM_SLOTS_PER_WEIGHT, init, update)


def _muon() -> Optimizer:
    """Returns Muon for the matrices between a model's first and its last layer, Adam for the rest.

    Its slots are Adam's, also those of the matrices, so that either can go on where the other was.
    """
    adam = _adam()

    def update(
        step: Any, learning_rate: Any, gradients: Any, weights: Any, slots: Any
    ) -> tuple[Any, Any]:
        moments_before = jax.tree.leaves(slots)
        by_adam = adam.update(step, learning_rate, gradients, weights, slots)
        (new, of_weights), (moments, of_slots) = map(jax.tree.flatten, by_adam)
        hidden = _between(weights)
        arrays = zip(jax.tree.leaves(gradients), jax.tree.leaves(weights), strict=True)
        for number, (gradient, array) in enumerate(arrays):
            first = number * ADAM_SLOTS_PER_WEIGHT
            if array.ndim == 2 and number in hidden:
                new[number], moments[first] = muon_step(
                    learning_rate, gradient, array, moments_before[first]
                )
        return jax.tree.unflatten(of_weights, new), jax.tree.unflatten(of_slots, moments)

    return Optimizer(MUON, adam.slots_per_weight, adam.init, update)


def _between(weights: Any) -> range:
    """Returns the numbers of the arrays that are neither in the first layer nor in the last."""
    n_arrays = [len(jax.tree.leaves(layer)) for layer in weights]
    n_first = next(n for n in n_arrays if n)
    return range(n_first, sum(n_arrays) - n_arrays[-1])


_OPTIMIZERS: dict[str, Callable[[], Optimizer]] = {ADAM: _adam, MUON: _muon}
