import numpy as np
import pytest

from pixace.backend.door import trax
from pixace.checkpoints.time_plan import Stretch, TimePlan
from pixace.settings.training import SCHEDULES, TrainingSettings
from pixace.training.learning_rate import learning_rate_schedule, planned_rate


def rates(**settings) -> np.ndarray:
    """The learning rate of every step of a training of 1000 steps."""
    settings = TrainingSettings(**{"steps_per_epoch": 100, "n_epochs": 10, **settings})
    schedule = learning_rate_schedule(settings)
    return np.array([schedule(step) for step in range(1, settings.n_steps + 1)])


def test_the_default_is_trax_s_own_schedule():
    trax_s = trax.lr.multifactor()
    expected = [trax_s(step) for step in range(1, 1001)]
    np.testing.assert_allclose(rates(), expected, rtol=1e-6)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_it_warms_up_in_a_straight_line(schedule):
    warming = rates(schedule=schedule, learning_rate=0.2, warmup_steps=50)[:50]
    np.testing.assert_allclose(warming, 0.2 * np.arange(1, 51) / 50, rtol=1e-6)


def test_rsqrt_knows_no_end():
    got = rates(learning_rate=0.2, warmup_steps=10)
    np.testing.assert_allclose(got[[39, 999]], [0.1, 0.02], rtol=1e-5)
    longer = rates(learning_rate=0.2, warmup_steps=10, n_epochs=12)
    np.testing.assert_array_equal(longer[:1000], got)


def test_a_cosine_ends_with_the_training():
    """Half of one: half the rate half-way down, all but nothing at the end, never up again."""
    got = rates(schedule="cosine", learning_rate=0.2, warmup_steps=100)
    assert got[549] == pytest.approx(0.1, rel=0.01)
    assert 0 < got[-1] < 1e-6
    assert (np.diff(got[99:]) < 0).all()


@pytest.mark.parametrize("warmup_steps", [1000, 1001, 5000])
def test_a_training_may_end_while_it_warms_up(warmup_steps):
    got = rates(schedule="cosine", learning_rate=0.2, warmup_steps=warmup_steps)
    np.testing.assert_allclose(got, 0.2 * np.arange(1, 1001) / warmup_steps, rtol=1e-6)


PLAN = TimePlan(1.0, 0.0, (Stretch(0, 10, (30, 60, 90, 120)), Stretch(30, 0, (40, 50, 60))))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_plan_by_minutes_warms_up_and_falls_without_a_jump(schedule):
    settings = TrainingSettings(schedule=schedule, learning_rate=0.2, warmup_steps=1000)
    got = np.array([planned_rate(settings, PLAN, step) for step in range(1, 61)])
    np.testing.assert_allclose(got[:10], 0.2 * np.arange(1, 11) / 10, rtol=1e-6)
    assert (np.diff(got[9:]) < 0).all()
    assert np.abs(np.diff(got[9:])).max() < 0.02


def test_a_cosine_by_minutes_is_exactly_zero_in_its_last_step():
    assert planned_rate(TrainingSettings(schedule="cosine"), PLAN, 60) == 0
    assert planned_rate(TrainingSettings(schedule="cosine"), PLAN, 59) > 0
