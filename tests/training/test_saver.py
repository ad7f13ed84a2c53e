"""The checkpoints of a training, of a state that is there without any training."""

from types import SimpleNamespace

import numpy as np
import pytest

from pixace.checkpoints.file import Checkpoint, read_checkpoint
from pixace.checkpoints.folder import epoch_path, epoch_steps
from pixace.checkpoints.history import History
from pixace.checkpoints.resume import CurveState, ResumeState, RunningMean
from pixace.errors import PixaceError
from pixace.insight.likelihood import Likelihood
from pixace.settings.model import ModelConfig
from pixace.settings.training import TrainingSettings
from pixace.training.saver import Saver
from pixace.training.watching.epochs import Epochs
from tests.tools.tiny import TINY

CONFIG = ModelConfig("transformer", **TINY)
STATE = CurveState(RunningMean(1.5, 2), RunningMean(4.5, 3), 12.5)
RNG = np.array([1, 2], np.uint32)


class Learner:
    """A state that tells its step."""

    def __init__(self) -> None:
        self.step = 0
        self.weight = 0.0

    def capture(self) -> Checkpoint:
        weights = [np.full(3, self.weight or self.step, np.float32)]
        return Checkpoint(self.step, weights, [weights[0]] * 2, resume=ResumeState(rng=RNG))

    def trax_fields(self) -> dict:
        return {"flat_state": []}


@pytest.fixture
def worker():
    images = object()
    settings = TrainingSettings(batch_size=4, steps_per_epoch=3, keep_checkpoints=2)
    return SimpleNamespace(
        settings=settings,
        epochs=Epochs(settings),
        learner=Learner(),
        seed=7,
        position=12,
        images=images,
        val_images=images,
        described=lambda: {"batch_size": 4, "images": "some folder", "images found": 20},
    )


@pytest.fixture
def curves():
    return SimpleNamespace(history=History(), state=lambda: STATE)


@pytest.fixture
def saver(tmp_path, worker, curves) -> Saver:
    return Saver(tmp_path, CONFIG, worker, curves, "best")


def end_epoch(saver, worker, curves, step):
    worker.learner.step = step
    curves.history.add_validation(step, 2.0 + step)
    saver.on_validation(step, Likelihood(2.0 + step, 5))


def test_an_epoch_is_kept_with_all_that_going_on_needs(saver, worker, curves, tmp_path, caplog):
    caplog.set_level("INFO", "pixace")
    end_epoch(saver, worker, curves, 3)
    stored = read_checkpoint(epoch_path(tmp_path, 3))
    assert (stored.step, stored.weights[0][0], len(stored.slots)) == (3, 3, 2)
    assert stored.history == curves.history
    np.testing.assert_array_equal(stored.resume.rng, RNG)
    told = stored.resume
    assert (told.seed, told.position, told.origin, told.held_out) == (7, 12, "best", False)
    assert (told.curves, told.config) == (STATE, CONFIG)
    assert told.settings == {"batch_size": "4", "images": "some folder", "images found": "20"}
    assert (tmp_path / "model.pkl.gz").samefile(epoch_path(tmp_path, 3))
    (line,) = caplog.messages
    assert line.startswith("epoch 1: step 3, validation 5.000 nats, 7.213 bits per pixel; saved ")


def test_validation_images_of_their_own_are_held_out(saver, worker, tmp_path):
    worker.val_images = object()
    saver.save()
    assert read_checkpoint(tmp_path / "model.pkl.gz").resume.held_out is True


def test_the_last_epochs_and_the_best_stay(saver, worker, curves, tmp_path):
    for step in (3, 6, 9, 12):
        end_epoch(saver, worker, curves, step)
    assert epoch_steps(tmp_path) == [3, 9, 12]


def test_a_stopped_training_is_kept_as_the_newest_alone(saver, worker, curves, tmp_path):
    end_epoch(saver, worker, curves, 3)
    worker.learner.step = 4
    saver.save()
    assert read_checkpoint(tmp_path / "model.pkl.gz").step == 4
    assert epoch_steps(tmp_path) == [3]


def test_what_has_just_been_kept_is_not_kept_again(saver, worker, curves, tmp_path):
    end_epoch(saver, worker, curves, 3)
    before = (tmp_path / "model.pkl.gz").stat().st_ino
    saver.save()
    assert (tmp_path / "model.pkl.gz").stat().st_ino == before


def test_an_epoch_is_done_when_it_is_validated_and_there(saver, worker, curves, tmp_path):
    assert not saver.is_done(3)
    end_epoch(saver, worker, curves, 3)
    assert saver.is_done(3)
    epoch_path(tmp_path, 3).unlink()
    assert not saver.is_done(3), "a crash came between the state and its name"
    end_epoch(saver, worker, curves, 6)
    assert not saver.is_done(3), "another epoch has ended since"


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_not_kept(saver, worker, tmp_path, number):
    worker.learner.step, worker.learner.weight = 4, number
    with pytest.raises(PixaceError, match=r"weight's numbers became (nan|inf) at step 4"):
        saver.save()
    assert not list(tmp_path.iterdir())
