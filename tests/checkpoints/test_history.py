"""The curves that a checkpoint keeps."""

import math

import numpy as np
import pytest

from pixace.checkpoints.file import Checkpoint, read_checkpoint, write_checkpoint
from pixace.checkpoints.history import History


def validated(*points: tuple[int, float]) -> History:
    history = History()
    for step, nats in points:
        history.add_validation(step, nats)
    return history


def test_a_point_is_added_to_its_curve():
    history = validated((3, 2.5), (6, 2.0))
    history.add_training(6, 1.5)
    assert history.validations() == [(3, 2.5), (6, 2.0)]
    assert history.trainings() == [(6, 1.5)]
    assert (History().validations(), History().trainings()) == ([], [])


def test_an_epoch_that_ends_again_takes_its_own_place():
    """It was validated, and the process died before it had a file."""
    assert validated((3, 2.5), (6, 2.0), (6, 2.1)).validations() == [(3, 2.5), (6, 2.1)]


def test_only_the_last_validation_counts_for_an_epoch_s_end():
    history = validated((3, 2.5), (6, 2.0))
    assert [step for step in (0, 3, 6, 9) if history.is_validated(step)] == [6]
    assert not History().is_validated(0)


@pytest.mark.parametrize(
    ("steps", "best"),
    [
        ([100, 200, 300, 400], 200),
        ([100, 300, 400], 300),  # the best of all has no file any more
        ([100, 400], 100),
        ([500], None),
        ([], None),
    ],
)
def test_the_best_of_some_epochs(steps, best):
    """Of equals it is the first."""
    assert validated((100, 3.0), (200, 1.0), (300, 2.0), (400, 3.0)).best(steps) == best


@pytest.mark.parametrize("n_points", [3, 399, 400, 401, 5000])
def test_a_long_training_has_some_points_that_tell_all_of_it(n_points):
    """Each is the mean of its steps, all but the last of equally many, so that none is lost."""
    losses = np.random.default_rng(0).uniform(1, 3, n_points)
    history = History()
    for number, loss in enumerate(losses, 1):
        history.add_within_epoch(5 * number, float(loss))
    curve = history.within_epochs()
    assert min(200, n_points) <= len(curve) < 400
    steps = [0, *(step for step, _ in curve)]
    assert steps[-1] == 5 * n_points
    widths = np.diff(steps)
    assert {*widths[:-1]} == {widths[0]} and widths[-1] <= widths[0]
    for (last, nats), width in zip(curve, widths, strict=True):
        assert nats == pytest.approx(losses[(last - width) // 5 : last // 5].mean())


def test_the_points_of_any_file_are_added_to():
    odd = [(3, 1.0)] * 1000
    history = History.from_stored({"_values": {"train": {"nats_per_pixel_within_epochs": odd}}})
    for step in range(4, 900):
        history.add_within_epoch(step, 2.0)
        assert len(history.within_epochs()) < 400
    assert history.within_epochs()[-1] == (899, 2.0)
    assert history.trainings() == []


def test_what_is_stored_is_read_back(tmp_path):
    history = validated((3, 2.5), (6, math.inf))
    history.add_training(3, 2.75)
    history.add_within_epoch(2, 2.875)
    path = tmp_path / "model.pkl.gz"
    write_checkpoint(path, Checkpoint(6, [np.zeros(3, np.float32)], history=history), {})
    assert read_checkpoint(path).history == history
    assert history.to_stored() == {"_values": history.curves}, "trax's form"


def test_curves_of_others_stay(tmp_path):
    """A training that goes on from one of plain trax's keeps what trax has noted."""
    stored = {"_values": {"eval": {"metrics/loss": [(1, np.float32(2.5))]}}}
    history = History.from_stored(stored)
    history.add_validation(2, 1.5)
    assert history.curves == {
        "eval": {"metrics/loss": [(1, 2.5)]},
        "val": {"nats_per_pixel": [(2, 1.5)]},
    }


@pytest.mark.parametrize("stored", [None, 3, [], {}, {"_values": [1]}, {"_values": {"val": 3}}])
def test_what_is_no_history_is_an_empty_one(stored):
    assert History.from_stored(stored) == History()
