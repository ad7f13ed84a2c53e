import math

import numpy as np
import pytest

from pixace.errors import PixaceError
from pixace.training.watching.meter import Meter, require_finite

LOSSES = [np.float32(value) for value in np.random.default_rng(0).uniform(0.1, 3.0, 20)]


def feed(meter: Meter, losses) -> Meter:
    for loss in losses:
        meter.add(loss)
    return meter


def test_a_point_is_the_mean_since_the_last_one():
    meter = feed(Meter(4), [1.0, 2.0, 6.0])
    values = meter.point(3)
    assert values["nats_per_pixel"] == 3.0
    assert values["bits_per_pixel"] == 3.0 / math.log(2)
    assert feed(meter, [5.0]).point(4)["nats_per_pixel"] == 5.0


def test_an_epoch_is_the_mean_of_all_its_steps():
    meter = feed(Meter(4), [1.0, 2.0])
    meter.point(2)
    feed(meter, [6.0])
    assert meter.epoch_nats() == 3.0
    assert meter.epoch_nats() is None
    assert meter.point(3)["nats_per_pixel"] == 6.0


def test_a_pause_is_no_part_of_the_speed(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("pixace.training.watching.meter.time.monotonic", lambda: now[0])
    meter = feed(Meter(4), [1.0])
    now[0] += 100
    meter.restart_clock()
    feed(meter, [1.0] * 3)
    now[0] += 2
    assert meter.point(4)["images_per_second"] == 3 * 4 / 2
    meter.leave_out_time()
    now[0] += 1
    assert "images_per_second" not in feed(meter, [1.0]).point(5)
    now[0] += 1
    assert feed(meter, [1.0]).point(6)["images_per_second"] == 4


@pytest.mark.parametrize("stop", range(20))
def test_what_was_stored_and_taken_up_again_rounds_the_same(stop):
    """Points after steps 10 and 20, an epoch of 20 steps, a stop after any of them."""

    def run(meter, losses, first):
        points = []
        for step, loss in enumerate(losses, first):
            meter.add(loss)
            if step % 10 == 0:
                points.append(meter.point(step)["nats_per_pixel"])
        return points

    whole = Meter(4)
    expected = run(whole, LOSSES, 1)
    part = Meter(4)
    points = run(part, LOSSES[:stop], 1)
    resumed = Meter(4, part.state())
    points += run(resumed, LOSSES[stop:], stop + 1)
    assert points == expected
    assert resumed.epoch_nats() == whole.epoch_nats()


@pytest.mark.parametrize("nats", [math.nan, math.inf])
def test_a_loss_that_is_no_number_says_what_to_change(nats):
    with pytest.raises(PixaceError, match=r"the loss became (nan|inf) at step 7;.*--learning_rate"):
        require_finite(nats, 7)
    with pytest.raises(PixaceError, match="at step 7"):
        feed(Meter(1), [1.0, nats]).point(7)


class Computing:
    """A loss that is there later, as JAX's arrays are."""

    def __init__(self, nats: float) -> None:
        self.nats, self.is_there = nats, False

    def is_ready(self) -> bool:
        return self.is_there

    def __float__(self) -> float:
        assert self.is_there, "waited for"
        return self.nats


def test_the_mean_so_far_waits_for_no_loss():
    meter, slow = Meter(4), Computing(6.0)
    assert meter.nats_so_far() is None
    feed(meter, [1.0, 2.0, slow, 3.0])
    assert meter.nats_so_far() == 1.5
    slow.is_there = True
    assert meter.nats_so_far() == 3.0
    assert meter.point(4)["nats_per_pixel"] == 3.0
    assert meter.nats_so_far() is None


def test_the_speed_of_an_epoch_leaves_out_what_is_not_timed(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("pixace.training.watching.meter.time.monotonic", lambda: now[0])
    meter = feed(Meter(4), [1.0])
    meter.leave_out_time()
    now[0] += 50
    meter.point(1)
    assert meter.epoch_speed() is None
    for step, seconds in ((3, 1), (5, 3)):
        feed(meter, [1.0] * 2)
        now[0] += seconds
        meter.point(step)
    assert meter.epoch_speed() == 4 * 4 / 4
    assert meter.epoch_speed() is None
