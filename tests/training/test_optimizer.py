"""The optimisers by name, and what a training counts on of each."""

import numpy as np
import pytest

from pixace.backend.door import jax, trax
from pixace.models.build import weight_shapes
from pixace.models.weights import flat_weights
from pixace.settings.model import ModelConfig
from pixace.settings.training import ADAM, MUON, TrainingSettings
from pixace.training.devices import batch_mesh
from pixace.training.optimizer import _OPTIMIZERS, optimizer_named
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


def layered(seed: int) -> list[list[np.ndarray]]:
    """Returns a first layer, two between and a last one; each has a matrix and a vector."""
    rng = np.random.default_rng(seed)
    shapes = ((20, 8), (8,)), ((8, 12), (12,)), ((12, 8), (8,)), ((8, 20), (20,))
    return [[rng.normal(size=shape).astype(np.float32) for shape in pair] for pair in shapes]


def test_muon_moves_hidden_matrices_in_all_directions_alike_and_the_rest_as_adam():
    muon, adam = optimizer_named(MUON), optimizer_named(ADAM)
    weights, rate = [[], *layered(0)], np.float32(0.01)  # a first layer without weights is none
    slots = adam.init(weights)
    by_muon, by_adam = (
        kind.update(1, rate, [[], *layered(1)], weights, slots) for kind in (muon, adam)
    )
    for number, (before, after, adams) in enumerate(
        zip(weights[1:], by_muon[0][1:], by_adam[0][1:], strict=True)
    ):
        if number in (1, 2):
            moved = np.linalg.svd((before[0] - after[0]) / (0.2 * rate * np.sqrt(12)))[1]
            assert moved.min() > 0.5
            assert moved.max() < 1.3
        else:
            assert np.array_equal(after[0], adams[0])
        assert np.array_equal(after[1], adams[1])


def test_adam_can_go_on_where_muon_was():
    """A resumed training may name another one; both keep running means of the same things."""
    muon, adam = optimizer_named(MUON), optimizer_named(ADAM)
    weights, gradients = layered(0), layered(1)
    slots = adam.init(weights)
    one_more = jax.jit(muon.update)
    for step in range(1, 101):
        _, slots = one_more(step, 0.01, gradients, weights, slots)
    moved, _ = adam.update(101, 0.01, gradients, weights, slots)
    steps = [
        abs(new - old) for new, old in zip(*map(jax.tree.leaves, (moved, weights)), strict=True)
    ]
    assert max(step.max() for step in steps) < 0.0105


def test_a_name_means_one_object():
    """What is traced for it is found again by that."""
    assert optimizer_named(ADAM) is optimizer_named(ADAM)


def test_the_state_of_a_training_holds_its_slots():
    config = ModelConfig("transformer", **TINY)
    shapes = state_shapes(config, TrainingSettings(), batch_mesh())
    weights, slots = flat_weights(shapes.weights), jax.tree.leaves(shapes.slots)
    assert [array.shape for array in weights] == [array.shape for array in weight_shapes(config)]
    assert len(slots) == optimizer_named(ADAM).slots_per_weight * len(weights)
