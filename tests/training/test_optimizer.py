"""The optimisers by name, and what a training counts on of each."""

import numpy as np
import pytest

from pixace.backend.door import jax, trax
from pixace.models.build import weight_shapes
from pixace.models.weights import flat_weights
from pixace.settings.model import ModelConfig
from pixace.settings.training import TrainingSettings
from pixace.training.devices import batch_mesh
from pixace.training.optimizer import _OPTIMIZERS, ADAM, optimizer_named
from pixace.training.step import state_shapes
from tests.tools.tiny import TINY


def arrays(seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype(np.float32) for shape in ((4, 3), (3,), ())]


def test_adam_takes_the_very_steps_of_trax_s():
    """Three in a row, bit by bit: the number of a step corrects the moments' bias."""
    ours, trax_s = optimizer_named(ADAM), trax.optimizers.Adam()
    weights = expected = arrays(0)
    slots = ours.init(weights)
    expected_slots, settings = trax_s.tree_init(expected)
    for step in (1, 2, 3):
        weights, slots = ours.update(step, np.float32(0.01), arrays(step), weights, slots)
        expected, expected_slots, _ = trax_s.tree_update(
            step,
            arrays(step),
            expected,
            expected_slots,
            {**settings, "learning_rate": np.float32(0.01)},
        )
    for array, other in zip(
        jax.tree.leaves((weights, slots)), jax.tree.leaves((expected, expected_slots)), strict=True
    ):
        assert np.asarray(array).tobytes() == np.asarray(other).tobytes()
    assert np.abs(weights[0] - arrays(0)[0]).max() > 0.005, "it has moved"


@pytest.mark.parametrize("name", _OPTIMIZERS)
def test_the_slots_are_as_many_as_it_says_and_shaped_like_the_weights(name):
    """Memory is planned and checkpoints are read by that number."""
    optimizer = optimizer_named(name)
    weights = arrays(0)
    slots = jax.tree.leaves(optimizer.init(weights))
    assert [array.shape for array in slots] == [
        array.shape for array in weights for _ in range(optimizer.slots_per_weight)
    ]
    assert optimizer.name == name


def test_a_name_means_one_object():
    """What is traced for it is found again by that."""
    assert optimizer_named(ADAM) is optimizer_named(ADAM)


def test_the_state_of_a_training_holds_its_slots():
    config = ModelConfig("transformer", **TINY)
    shapes = state_shapes(config, TrainingSettings().dropout, batch_mesh())
    weights, slots = flat_weights(shapes.weights), jax.tree.leaves(shapes.slots)
    assert [array.shape for array in weights] == [array.shape for array in weight_shapes(config)]
    assert len(slots) == optimizer_named(ADAM).slots_per_weight * len(weights)
