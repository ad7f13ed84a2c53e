"""How a training by minutes keeps to them: planned at its start, and at the end of each quarter."""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pixace.checkpoints.time_plan import Stretch, TimePlan
from pixace.training.peers import Command, Peers
from pixace.training.sizing import Settled
from pixace.training.time_budget import Costs, TimeBudget, quarter_ends
from pixace.training.watching.observer import Observer, StepInfo
from pixace.training.worker import Worker
from pixace.wording import duration

if TYPE_CHECKING:
    from pixace.insight.likelihood import Likelihood  # which needs JAX

_log = logging.getLogger(__name__)

_SHORT_ANNEAL = 0.1  # of the time used: what a training that is to end early still takes


class TimeKeeper(Observer):
    """Fixes how many steps a training by minutes has, and measures what is needed for that.

    A plan is made before the state is saved: whoever goes on from a file takes the same steps.

    Args:
      budget: what this run has to keep to.
      worker: does the first process's part.
      peers: all processes; the others are told each plan.
      settled: what has been measured, where this run is to be planned at its start.
      chosen: names and values of what has been chosen, for the message.
      clock: tells the seconds, as in the budget; tests pass their own.
    """

    def __init__(
        self,
        budget: TimeBudget,
        worker: Worker,
        peers: Peers,
        settled: Settled | None,
        chosen: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._budget = budget
        self._worker = worker
        self._peers = peers
        n_batches, n_pixels = worker.settings.batches_per_eval, worker.config.n_pixels
        self._costs = settled.costs() if settled else Costs(0.0, 0.0, n_batches, n_pixels)
        self._chosen = chosen
        self._clock = clock
        self._last_loss: Any = None
        self._first: tuple[int, float] | None = None  # step and time from which steps are measured
        self._until_first_step: float | None = None
        self._pause = self._validated = clock()

    def plan(self) -> TimePlan | None:
        """Returns the newest plan, with the time used up to now."""
        plan = self._worker.epochs.plan
        if plan is None:
            return None
        return dataclasses.replace(plan, seconds_used=self._budget.used(self._clock()))

    def seconds_left(self) -> float:
        """Returns how long the training may still take."""
        return self._budget.left(self._clock())

    def advice(self) -> str:
        """Says with how many minutes a training that is stopped now would soon end."""
        starting = self._until_first_step or 0.0  # its other half is for the pictures at the end
        used = self._budget.used(self._clock())
        minutes = ((1 + _SHORT_ANNEAL) * used + 1.5 * starting) / 60
        minutes = math.ceil(minutes) if minutes > 10 else math.ceil(10 * minutes) / 10
        if minutes >= self._budget.minutes:
            return ""
        return f", and with --minutes={minutes:g} ends it with a short anneal"

    def on_start(self) -> None:
        """Plans the training, unless a plan holds already."""
        if self._budget.is_held:
            return
        budget, worker, per_step = self._budget, self._worker, self._costs.step
        step, n_quarters = worker.learner.step, budget.n_quarters
        left = budget.left(self._clock())
        ends = self._costs.planned(step, left, n_quarters)
        warmup = worker.settings.warmup_steps if budget.is_anew else 0
        self._follow(Stretch(step, warmup, ends))
        n_steps = ends[-1] - step
        _log.info(
            "%g minutes: %s%d steps of %.2g s, pictures after %s",
            budget.minutes,
            f"{self._chosen}; " if self._chosen else "",
            n_steps,
            per_step,
            ", ".join(map(str, ends)),
        )
        if n_steps <= n_quarters:
            _log.warning(
                "%g minutes are too short for more than %d steps here: %s are left, and a step "
                "takes %.2g s",
                budget.minutes,
                n_steps,
                duration(max(0.0, left)),
                per_step,
            )

    def on_step(self, info: StepInfo) -> None:
        """Takes note of a step; of the first one after a pause, waits for it."""
        self._last_loss = info.loss
        if self._first is None:
            float(info.loss)
            self._first = info.step, self._clock()
            if self._until_first_step is None:
                self._until_first_step = self._clock() - self._budget.started
                if not self._costs.compiling:  # nobody has measured it: a part of what there was
                    self._costs.compiling = self._until_first_step / 3

    def on_pause(self) -> None:
        """Measures the steps since the last pause."""
        if self._last_loss is not None:
            float(self._last_loss)
        self._pause = self._validated = self._clock()
        step = self._worker.learner.step
        if self._first is not None and step > self._first[0]:
            self._costs.step = (self._pause - self._first[1]) / (step - self._first[0])

    def on_validation(self, step: int, likelihood: Likelihood) -> None:
        """Plans anew what is left, before the state is saved."""
        self._validated, costs = self._clock(), self._costs
        costs.validation = self._validated - self._pause
        plan = self._worker.epochs.plan
        assert plan is not None, "planned at the start"
        n_left = sum(end > step for end in plan.ends)
        if n_left == 0 or not costs.step:
            return
        left = self._budget.left(self._clock())
        n_steps = costs.steps_within(left, n_left, n_left + 1)
        ends = quarter_ends(step, n_steps, n_left)
        self._follow(Stretch(step, 0, ends))
        _log.debug("%.3g s per step; epochs end after %s", costs.step, ", ".join(map(str, ends)))

    def on_continue(self) -> None:
        """Measures what came after the validation."""
        if self._costs.is_compiled:
            self._costs.pictures = self._clock() - self._validated
        self._costs.is_compiled = True
        self._first = None

    def _follow(self, stretch: Stretch) -> None:
        """Lets all processes go on by a plan."""
        old = self._worker.epochs.plan
        stretches = old.stretches if old else self._budget.stretches
        used = self._budget.used(self._clock())
        plan = TimePlan(self._budget.minutes, used, (*stretches, stretch))
        self._peers.agree(Command.PLAN)
        self._peers.from_first(plan.to_stored())
        self._worker.follow(plan)
