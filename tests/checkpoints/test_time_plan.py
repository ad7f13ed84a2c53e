"""Plans by minutes: which steps end a quarter, how far the anneal is, what a stranger may say."""

import dataclasses
import itertools
import math

import pytest

from pixace.checkpoints.resume import ResumeState
from pixace.checkpoints.time_plan import Stretch, TimePlan
from pixace.errors import CheckpointError, UsageError

FIRST = Stretch(0, 10, (25, 50, 75, 100))
PLAN = TimePlan(2.0, 30.5, (FIRST,))


def replanned(*stretches: Stretch) -> TimePlan:
    return dataclasses.replace(PLAN, stretches=(FIRST, *stretches))


def test_quarters_that_were_planned_anew_are_not_those_of_the_first_plan():
    plan = replanned(Stretch(25, 0, (60, 90, 120)), Stretch(70, 0, (80,)))
    assert plan.ends == (25, 60, 80)
    assert plan.last_step == 80


@pytest.mark.parametrize(("step", "share"), [(1, 0), (10, 0), (55, 0.5), (100, 1)])
def test_the_way_to_zero_begins_after_the_warm_up(step, share):
    assert PLAN.annealed(step) == (pytest.approx(share), step, 10)


@pytest.mark.parametrize("last", [27, 90, 400])
def test_another_plan_goes_on_from_where_the_anneal_was(last):
    plan = replanned(Stretch(25, 0, (last,)))
    shares = [plan.annealed(step)[0] for step in range(1, last + 1)]
    assert shares[:25] == [PLAN.annealed(step)[0] for step in range(1, 26)]
    assert shares[-1] == 1
    ways = {round(after - before, 9) for before, after in itertools.pairwise(shares[24:])}
    assert len(ways) == 1, "evenly from there"


def test_a_training_that_ends_while_it_warms_up_comes_to_zero_too():
    plan = replanned(Stretch(4, 0, (8,)))
    assert [plan.annealed(step)[0] for step in range(4, 9)] == [0, 0.25, 0.5, 0.75, 1]


def test_more_minutes_warm_up_again():
    plan = replanned(Stretch(100, 5, (140, 180)))
    assert plan.annealed(100)[0] == 1
    assert plan.annealed(103) == (0, 3, 5)
    assert plan.annealed(180) == (1, 80, 5)


def test_it_is_stored_whole():
    plan = replanned(Stretch(25, 0, (60, 90)))
    assert TimePlan.from_stored(plan.to_stored()) == plan
    state = ResumeState(plan=plan)
    assert ResumeState.from_stored(state.to_stored()).plan == plan


@pytest.mark.parametrize(
    "change",
    [
        {"minutes": 0},
        {"minutes": math.nan},
        {"minutes": "2"},
        {"seconds_used": -1.0},
        {"seconds_used": math.inf},
        {"stretches": []},
        {"stretches": [[0, 10, []]]},
        {"stretches": [[0, 0, [5]]]},  # nothing warms up
        {"stretches": [[0, 10, [5, 5]]]},
        {"stretches": [[5, 10, [4]]]},
        {"stretches": [[0, 10, [2**40]]]},
        {"stretches": [[0, True, [5]]]},
        {"stretches": [[0, 10, [5.0]]]},
        {"stretches": [[9, 10, [12]], [3, 0, [12]]]},
        {"stretches": [[0, 10, list(range(1, 20_000))]]},
    ],
)
def test_what_a_stranger_wrote_is_refused_where_it_is_needed(change, tmp_path):
    stored = {**PLAN.to_stored(), **change}
    with pytest.raises(UsageError, match="its plan by minutes is no plan"):
        TimePlan.from_stored(stored)
    state = ResumeState.from_stored({"plan": stored, "seed": 3})
    assert (state.plan, state.seed) == (None, 3)
    with pytest.raises(CheckpointError, match="no plan"):
        state.require("plan", tmp_path)
