"""What the time of a training by minutes is enough for."""

import pytest

from pixace.checkpoints.time_plan import Stretch, TimePlan
from pixace.training.time_budget import Costs, quarter_ends, time_budget


@pytest.mark.parametrize(
    ("start", "n_steps", "ends"),
    [(0, 100, (25, 50, 75, 100)), (7, 10, (9, 12, 14, 17)), (3, 0, (4, 5, 6, 7))],
)
def test_quarters_have_a_step_at_least(start, n_steps, ends):
    assert quarter_ends(start, n_steps, 4) == ends


def test_steps_fill_the_time_that_validations_and_pictures_leave():
    costs = Costs(step=0.5, compiling=10, n_val_batches=10, n_pixels=100)
    guessed = costs.steps_within(300, 4, 4)
    assert 400 < guessed < 600
    costs.validation, costs.pictures, costs.is_compiled = 3.0, 2.0, True
    assert costs.steps_within(301, 4, 4) == 560
    assert costs.steps_within(10, 4, 4) == 0


PLAN = TimePlan(30.0, 600.0, (Stretch(0, 10, (100, 200, 300, 400)),))


def test_a_plan_holds_unless_other_minutes_are_named():
    for minutes, step in [(None, 120), (30.0, 120), (None, 400), (30.0, 400), (12.0, 400)]:
        budget = time_budget(minutes, PLAN, step, 50.0)
        assert budget.is_held
        assert budget.plan.stretches == PLAN.stretches
        assert budget.plan.minutes == 30
        assert budget.used(60.0) == 610
    assert time_budget(None, None, 0, 0.0) is None


def test_other_minutes_plan_the_rest():
    less = time_budget(12.0, PLAN, 120, 50.0)
    assert (less.is_held, less.is_anew, less.n_quarters, less.left(60.0)) == (False, False, 1, 110)
    more = time_budget(60.0, PLAN, 120, 50.0)
    assert (more.is_held, more.is_anew, more.n_quarters, more.left(60.0)) == (False, False, 3, 2990)


def test_more_minutes_begin_anew_once_a_training_is_over():
    budget = time_budget(60.0, PLAN, 400, 50.0)
    assert (budget.is_held, budget.is_anew, budget.n_quarters) == (False, True, 4)
    assert budget.stretches == PLAN.stretches
    fresh = time_budget(5.0, None, 0, 50.0)
    assert (fresh.is_held, fresh.is_anew, fresh.stretches, fresh.left(60)) == (False, True, (), 290)
