"""The curves of a training: points for TensorBoard, and what a later run goes on with."""

import math

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pixace.backend.door import tf
from pixace.checkpoints.history import History
from pixace.errors import PixaceError
from pixace.insight.likelihood import Likelihood
from pixace.settings.training import TrainingSettings
from pixace.training.watching.curves import Curves
from pixace.training.watching.observer import StepInfo
from pixace.training.watching.summaries import Summaries

LOSSES = np.random.default_rng(0).uniform(1, 3, 12).astype(np.float32)


def curves_in(folder, steps_per_epoch=300, history=None, state=None) -> Curves:
    """A point after every third step of an epoch of 300."""
    settings = TrainingSettings(batch_size=4, steps_per_epoch=steps_per_epoch)
    return Curves(settings, Summaries(folder), history or History(), state)


def take(curves, first, last) -> None:
    for step in range(first, last + 1):
        curves.on_step(StepInfo(step, LOSSES[step - 1], step / 100))


def points(folder, run, tag) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder / run), size_guidance={"tensors": 0}).Reload()
    return [
        (event.step, float(tf.make_ndarray(event.tensor_proto))) for event in events.Tensors(tag)
    ]


def means(*ranges) -> list[tuple[int, float]]:
    return [(last, pytest.approx(LOSSES[first - 1 : last].mean())) for first, last in ranges]


def test_a_point_is_the_mean_of_the_steps_since_the_last_one(tmp_path):
    curves = curves_in(tmp_path)
    take(curves, 1, 7)
    assert curves.nats_of_late() == pytest.approx(LOSSES[3:6].mean())
    curves.on_end()
    assert points(tmp_path, "train", "nats_per_pixel") == means((1, 3), (4, 6))
    assert curves.history.within_epochs() == means((1, 3), (4, 6))
    assert points(tmp_path, "train", "learning_rate") == [
        (step, pytest.approx(step / 100)) for step in (3, 6)
    ]
    speeds = [step for step, _ in points(tmp_path, "train", "images_per_second")]
    assert speeds == [6], "the first point has the step that compiles"


def test_a_short_epoch_has_a_point_for_each_step(tmp_path):
    curves = curves_in(tmp_path, steps_per_epoch=3)
    assert curves.nats_of_late() is None
    take(curves, 1, 3)
    curves.on_end()
    assert points(tmp_path, "train", "nats_per_pixel") == means((1, 1), (2, 2), (3, 3))


def test_an_epoch_s_end_is_in_the_history_and_among_the_points(tmp_path):
    curves = curves_in(tmp_path)
    assert curves.last_validation() is None
    take(curves, 1, 6)
    curves.on_validation(6, Likelihood(2.5, 5))
    curves.on_continue()
    assert curves.history.validations() == [(6, 2.5)]
    assert curves.history.trainings() == means((1, 6))
    assert curves.last_validation() == 2.5 / math.log(2)
    assert points(tmp_path, "val", "bits_per_pixel") == [(6, pytest.approx(2.5 / math.log(2)))]
    take(curves, 7, 9)
    curves.on_validation(9, Likelihood(2.25, 5))
    assert curves.history.trainings() == means((1, 6), (7, 9))
    curves.on_end()


def test_a_validation_without_a_step_says_nothing_of_the_training(tmp_path):
    """As where an epoch's end is all that an earlier run did not get to."""
    curves = curves_in(tmp_path)
    curves.on_validation(6, Likelihood(2.5, 5))
    curves.on_end()
    assert (curves.history.validations(), curves.history.trainings()) == ([(6, 2.5)], [])


@pytest.mark.parametrize("stop", [1, 3, 4, 8])
def test_a_training_in_two_goes_has_the_very_same_curves(tmp_path, stop):
    whole, first = curves_in(tmp_path / "whole"), curves_in(tmp_path / "parts")
    take(whole, 1, 9)
    take(first, 1, stop)
    first.on_end()
    second = curves_in(tmp_path / "parts", history=first.history, state=first.state())
    take(second, stop + 1, 9)
    for curves in (whole, second):
        curves.on_validation(9, Likelihood(2.5, 5))
        curves.on_end()
    assert second.history == whole.history
    assert second.state()[:2] == whole.state()[:2]
    one, two = (points(tmp_path / name, "train", "nats_per_pixel") for name in ("whole", "parts"))
    assert one == two
    assert len(one) == 3


def test_the_speed_is_that_of_the_last_epoch_in_which_it_was_measured(tmp_path):
    curves = curves_in(tmp_path)
    take(curves, 1, 6)
    assert curves.state().images_per_second is None, "the epoch has not ended"
    curves.on_validation(6, Likelihood(2.5, 5))
    speed = curves.state().images_per_second
    assert speed > 0
    curves.on_end()
    later = curves_in(tmp_path, state=curves.state())
    later.on_validation(6, Likelihood(2.5, 5))
    later.on_end()
    assert later.state().images_per_second == speed


@pytest.mark.parametrize("nats", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_told_and_not_kept(tmp_path, nats):
    curves = curves_in(tmp_path)
    with pytest.raises(PixaceError, match=r"the loss became (nan|inf) at step 6.*--learning_rate"):
        curves.on_validation(6, Likelihood(nats, 5))
    assert curves.history == History()
    take(curves, 1, 2)
    with pytest.raises(PixaceError, match="at step 3"):
        curves.on_step(StepInfo(3, np.float32(nats), 0.01))
    curves.on_end()
