"""At which steps the epochs of a training end."""

from __future__ import annotations

import bisect

from pixace.checkpoints.time_plan import TimePlan
from pixace.settings.training import TrainingSettings


class Epochs:
    """Tells which steps end an epoch: every so many, or those that a plan by minutes says.

    Args:
      settings: of the training.
      plan: see below.

    Attributes:
      plan: of a training by minutes, whose quarters are its epochs; it may become another one
        between two steps.
    """

    def __init__(self, settings: TrainingSettings, plan: TimePlan | None = None) -> None:
        self.plan = plan
        self._settings = settings

    @property
    def is_endless(self) -> bool:
        """Whether nobody has said when the training ends: nobody waits for the default."""
        return self.plan is None and self._settings.n_epochs == TrainingSettings.n_epochs

    @property
    def last_step(self) -> int:
        """The step at which the training ends."""
        return self._settings.n_steps if self.plan is None else self.plan.last_step

    @property
    def count(self) -> int:
        """How many epochs there are in all."""
        return self._settings.n_epochs if self.plan is None else len(self.plan.ends)

    def n_ended(self, step: int) -> int:
        """Returns how many epochs have ended when a step is done."""
        if self.plan is None:
            return step // self._settings.steps_per_epoch
        return bisect.bisect_right(self.plan.ends, step)

    def is_end(self, step: int) -> bool:
        """Returns whether an epoch ends with this step."""
        return step > 0 and self.n_ended(step) > self.n_ended(step - 1)
