"""The curves of a training: kept in the checkpoints and shown by TensorBoard."""

from __future__ import annotations

import math

from pixace.checkpoints.history import History
from pixace.checkpoints.resume import CurveState
from pixace.insight.likelihood import Likelihood
from pixace.settings.training import TrainingSettings
from pixace.training.watching.meter import Meter, require_finite
from pixace.training.watching.observer import Observer, StepInfo
from pixace.training.watching.summaries import Summaries

_POINTS_PER_EPOCH = 100  # of the training curve


class Curves(Observer):
    """Follows the loss of a training, step by step and epoch by epoch.

    Args:
      settings: of the training.
      summaries: where the points are shown.
      history: the curves so far; added to.
      state: what was under way when the training was stopped.

    Attributes:
      history: the mean loss of each epoch, in training and in validation, and within epochs.
    """

    def __init__(
        self,
        settings: TrainingSettings,
        summaries: Summaries,
        history: History,
        state: CurveState | None = None,
    ) -> None:
        self.history = history
        self._summaries = summaries
        self._interval = max(1, settings.steps_per_epoch // _POINTS_PER_EPOCH)
        self._meter = Meter(settings.n_pictures, state)
        self._has_begun = False
        self._last_point: float | None = None
        self._speed = state.images_per_second if state else None

    def state(self) -> CurveState:
        """Returns what a later run needs to draw the very same curves, besides the history."""
        return self._meter.state()._replace(images_per_second=self._speed)

    def on_step(self, info: StepInfo) -> None:
        """Takes note of the loss of a step, and adds a point to the training curve if one is due.

        Raises:
          PixaceError: the loss is no number any more.
        """
        self._meter.add(info.loss)
        if not self._has_begun:
            self._has_begun = True
            self._meter.leave_out_time()  # the first step compiles
        if info.step % self._interval == 0:
            values = self._meter.point(info.step)
            values["learning_rate"] = info.learning_rate
            self._summaries.scalars("train", values, info.step)
            self._last_point = values["nats_per_pixel"]
            self.history.add_within_epoch(info.step, self._last_point)

    def on_validation(self, step: int, likelihood: Likelihood) -> None:
        """Adds a validation, and the mean loss of the epoch's steps.

        Raises:
          PixaceError: the loss is no number any more.
        """
        require_finite(likelihood.nats_per_pixel, step)
        values = {
            "nats_per_pixel": likelihood.nats_per_pixel,
            "bits_per_pixel": likelihood.bits_per_pixel,
        }
        self._summaries.scalars("val", values, step)
        self.history.add_validation(step, likelihood.nats_per_pixel)
        self._speed = self._meter.epoch_speed() or self._speed
        nats = self._meter.epoch_nats()
        if nats is not None:
            self.history.add_training(step, nats)

    def on_continue(self) -> None:
        """Brings what there is to the disk, and measures the speed from now on."""
        self._summaries.flush()
        self._meter.restart_clock()

    def on_end(self) -> None:
        """Closes the files."""
        self._summaries.close()

    def nats_of_late(self) -> float | None:
        """Returns the training curve's last point; before the first, the mean up to now."""
        return self._meter.nats_so_far() if self._last_point is None else self._last_point

    def last_validation(self) -> float | None:
        """Returns the loss of the last validation in bits per pixel, None before the first."""
        curve = self.history.validations()
        return curve[-1][1] / math.log(2) if curve else None
