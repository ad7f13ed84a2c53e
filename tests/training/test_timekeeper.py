"""A training by minutes keeps to them: what it plans, by a clock that the tests turn."""

from types import SimpleNamespace

import pytest

from pixace.insight.likelihood import Likelihood
from pixace.settings.model import ModelConfig
from pixace.settings.training import TrainingSettings
from pixace.system.signals import StopRequest
from pixace.training.peers import Peers
from pixace.training.time_budget import Costs, TimeBudget, time_budget
from pixace.training.timekeeper import TimeKeeper
from pixace.training.watching.epochs import Epochs
from pixace.training.watching.observer import StepInfo

SETTINGS = TrainingSettings(batch_size=4, steps_per_epoch=50, n_epochs=4, warmup_steps=10)
CONFIG = ModelConfig("transformer", image_size=6)


class Watch:
    """A clock that stands still unless it is told."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Training:
    """A training whose steps, validations and pictures take the seconds that a test says."""

    def __init__(self, budget, watch, step=0, measured=1.0):
        epochs = Epochs(SETTINGS, budget.plan)
        self.watch = watch
        self.learner = SimpleNamespace(step=step)
        worker = SimpleNamespace(
            settings=SETTINGS, config=CONFIG, epochs=epochs, learner=self.learner
        )
        worker.follow = lambda plan: setattr(epochs, "plan", plan)
        self.epochs = epochs
        settled = SimpleNamespace(
            seconds_per_step=measured, costs=lambda: Costs(measured, 0.0, 5, CONFIG.n_pixels)
        )
        peers = Peers(StopRequest())
        self.keeper = TimeKeeper(budget, worker, peers, settled, "--d_model=128", watch)

    def run(self, per_step, validation=0.0, pictures=0.0, until=10**9):
        """Trains to the end, or to a step."""
        self.keeper.on_start()
        while self.learner.step < min(until, self.epochs.last_step):
            self.watch.now += per_step
            self.learner.step += 1
            self.keeper.on_step(StepInfo(self.learner.step, 0.0, 0.0))
            if self.epochs.is_end(self.learner.step):
                self.keeper.on_pause()
                self.watch.now += validation
                self.keeper.on_validation(self.learner.step, Likelihood(1.0, 4))
                self.watch.now += pictures
                self.keeper.on_continue()


@pytest.mark.parametrize("per_step", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("pictures", [0.0, 8.0])
def test_it_ends_in_time_however_wrong_the_first_measurement_was(per_step, pictures):
    watch = Watch()
    training = Training(TimeBudget(10.0, watch.now - 5), watch)
    training.run(per_step, validation=4.0, pictures=pictures)
    assert 0.95 * 600 < watch.now - 995 <= 600
    plan = training.keeper.plan()
    assert len(plan.ends) == 4
    assert [stretch.warmup_steps for stretch in plan.stretches] == [10, 0, 0, 0]
    assert plan.seconds_used == watch.now - 995


def test_one_line_says_what_was_chosen(caplog):
    caplog.set_level("INFO", "pixace")
    watch = Watch()
    Training(TimeBudget(2.0, watch.now), watch).keeper.on_start()
    (line,) = caplog.messages
    assert line.startswith("2 minutes: --d_model=128; ")
    assert "steps of 1 s, pictures after " in line


def test_too_short_a_time_is_told_and_used_as_well_as_can_be(caplog):
    watch = Watch()
    training = Training(TimeBudget(0.02, watch.now - 30), watch)
    training.run(1.0)
    assert training.learner.step == 4
    assert "0.02 minutes are too short for more than 4 steps here" in caplog.text


def test_a_plan_that_holds_is_not_made_anew_before_a_quarter_ends(caplog):
    caplog.set_level("INFO", "pixace")
    watch = Watch()
    first = Training(TimeBudget(10.0, watch.now), watch)
    first.run(1.0, until=30)
    plan = first.keeper.plan()
    assert plan.seconds_used == 30
    caplog.clear()
    watch.now += 10_000  # a night
    again = Training(time_budget(None, plan, 30, watch.now), watch, step=30)
    assert again.epochs.plan.stretches == plan.stretches
    again.run(1.0, until=plan.ends[0] - 1)
    assert again.keeper.plan().stretches == plan.stretches
    assert not caplog.messages
    assert again.keeper.seconds_left() == 600 - (plan.ends[0] - 1)


def test_what_is_said_where_it_is_stopped_ends_it_soon():
    watch = Watch()
    training = Training(TimeBudget(30.0, watch.now), watch)
    training.run(1.0, until=300)
    advice = training.keeper.advice()
    assert advice == ", and with --minutes=5.6 ends it with a short anneal"
    budget = time_budget(5.6, training.keeper.plan(), 300, watch.now)
    short = Training(budget, watch, step=300)
    short.run(1.0)
    assert 20 < short.learner.step - 300 < 40
    assert watch.now - 1000 <= 60 * 5.6
    assert short.keeper.advice() == ""
