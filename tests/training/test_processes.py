"""How the first process begins; `test_cluster` has others that follow it."""

import numpy as np
import pytest

from pixace.settings.training import TrainingSettings
from pixace.system.signals import StopRequest
from pixace.training.peers import Peers
from pixace.training.processes import start_as_first
from pixace.training.start import find_start, training_folder


class Told(Peers):
    """Remembers what the others are told."""

    def from_first(self, values=None):
        self.shared = values
        return values


@pytest.fixture(scope="module")
def begun(painted, weights_dir):
    """A worker that goes on from step 3, its start, and what the others are told."""
    folder, config, _ = training_folder("transformer", weights_dir, None, {})
    start = find_start(folder, config, "3")
    settings = TrainingSettings(
        images=str(painted / "train"),
        val_images=str(painted / "val"),
        batch_size=4,
        recompute=False,
    )
    peers = Told(StopRequest())
    return start_as_first(config, settings, start, peers), start, peers.shared


def test_it_goes_on_from_the_very_state(begun):
    worker, start, _ = begun
    state, stored = worker.learner.capture(), start.checkpoint
    assert worker.learner.step == state.step == stored.step == 3
    for one, two in zip(state.weights + state.slots, stored.weights + stored.slots, strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(state.resume.rng, stored.resume.rng)
    assert (worker.position, worker.seed) == (12, 0)


def test_the_others_are_told_all_but_where_their_images_are(begun):
    _, start, shared = begun
    assert (shared.seed, shared.position, shared.is_resumed) == (0, 12, True)
    assert shared.config == start.checkpoint.resume.config.to_dict()
    assert shared.settings["batch_size"] == 4
    assert not {"images", "val_images", "cache_dir"} & set(shared.settings)
