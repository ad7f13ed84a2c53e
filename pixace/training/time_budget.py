"""What the time of a training by minutes is enough for: what its parts cost, and what is left.

Plain arithmetic: those who have a clock tell it.
"""

from __future__ import annotations

import dataclasses

from pixace.checkpoints.time_plan import Stretch, TimePlan
from pixace.training.budget import N_QUARTERS

_MOST_STEPS = 2**30  # checkpoints hold no more than twice as many
_VALIDATION_BATCH = 0.4  # of the time of a step
_PICTURES, _PIXEL = 2.0, 0.002  # of an end: times a step, and seconds for each pixel in turn
_LEAVING = 1.0  # seconds from the last picture to the end of the process
_COMPILING = 2.0  # times what the step took to compile: the validation, and two ways of drawing


def quarter_ends(start: int, n_steps: int, n_quarters: int) -> tuple[int, ...]:
    """Returns the steps at which parts of equal length end.

    Args:
      start: steps done before.
      n_steps: in all parts, at least one in each.
      n_quarters: how many parts there are.
    """
    n_steps = max(n_steps, n_quarters)
    return tuple(start + n_steps * part // n_quarters for part in range(1, n_quarters + 1))


@dataclasses.dataclass
class Costs:
    """What the parts of a training take, in seconds: measured, or else guessed from a step.

    Attributes:
      step: one step.
      compiling: what a run compiles before its first pictures.
      n_val_batches: in one validation.
      n_pixels: of a picture.
      validation: measured.
      pictures: of one end, with the file, measured once nothing was compiled meanwhile.
      is_compiled: whether pictures have been drawn in this run.
    """

    step: float
    compiling: float
    n_val_batches: int
    n_pixels: int
    validation: float | None = None
    pictures: float | None = None
    is_compiled: bool = False

    def planned(self, start: int, seconds: float, n_quarters: int) -> tuple[int, ...]:
        """Returns the steps at which quarters end that begin now, each of one step at least.

        Args:
          start: steps done.
          seconds: see `steps_within`.
          n_quarters: how many there are; each ends with a validation and pictures.
        """
        return quarter_ends(start, self.steps_within(seconds, n_quarters, n_quarters), n_quarters)

    def steps_within(self, seconds: float, n_ends: int, n_drawings: int) -> int:
        """Returns how many steps fit into a time beside all else that has to be done; 0 or more.

        Args:
          seconds: that there are.
          n_ends: how many validations there are to come.
          n_drawings: how often pictures are drawn.
        """
        validation, pictures = self.validation, self.pictures
        if validation is None:
            validation = _VALIDATION_BATCH * self.step * self.n_val_batches
        if pictures is None:
            pictures = _PICTURES * self.step + _PIXEL * self.n_pixels
        rest = n_ends * validation + n_drawings * pictures + _LEAVING
        if not self.is_compiled:
            rest += _COMPILING * self.compiling
        return max(0, min(_MOST_STEPS, int((seconds - rest) / self.step)))


@dataclasses.dataclass(frozen=True)
class TimeBudget:
    """What a run of a training by minutes has to keep to.

    Attributes:
      minutes: that the training may take in all.
      started: when this run began, by the clock of those who measure it.
      seconds_used: by earlier runs.
      stretches: what they have planned.
      is_held: whether the newest of these plans holds.
      is_anew: whether the next plan warms up again.
      n_quarters: that the next plan has.
    """

    minutes: float
    started: float
    seconds_used: float = 0.0
    stretches: tuple[Stretch, ...] = ()
    is_held: bool = False
    is_anew: bool = True
    n_quarters: int = N_QUARTERS

    def used(self, now: float) -> float:
        """Returns the seconds that the training has taken so far."""
        return self.seconds_used + now - self.started

    def left(self, now: float) -> float:
        """Returns the seconds that it may still take; negative where it has taken too many."""
        return 60 * self.minutes - self.used(now)

    @property
    def plan(self) -> TimePlan | None:
        """The plan that holds when the run begins."""
        if not self.is_held:
            return None
        return TimePlan(self.minutes, self.seconds_used, self.stretches)


def time_budget(
    minutes: float | None, stored: TimePlan | None, step: int, started: float
) -> TimeBudget | None:
    """Returns what a run has to keep to, None for a training by epochs.

    Args:
      minutes: that the user named.
      stored: the plan in the state to go on from.
      step: of that state.
      started: when the run began.
    """
    if stored is None:
        return None if minutes is None else TimeBudget(minutes, started)
    asked = stored.minutes if minutes is None else minutes
    is_over = step >= stored.last_step
    budget = TimeBudget(asked, started, stored.seconds_used, stored.stretches)
    if asked == stored.minutes or (is_over and asked < stored.minutes):
        return dataclasses.replace(budget, minutes=stored.minutes, is_held=True)
    if is_over:
        return budget
    # Who wants it to end early does not wait for pictures on the way.
    n_left = sum(end > step for end in stored.stretches[-1].ends)
    n_quarters = n_left if asked > stored.minutes else 1
    return dataclasses.replace(budget, is_anew=False, n_quarters=n_quarters)
