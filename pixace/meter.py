"""Loss and speed of a training, averaged over the last few steps."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from pixace.errors import PixaceError


def require_finite(nats: float, step: int) -> None:
    """Checks that a loss is still a number.

    Raises:
      PixaceError: it is not; the message says what to change.
    """
    if not math.isfinite(nats):
        raise PixaceError(
            f"the loss became {nats} at step {step}; the last checkpoint is kept: go on from it "
            "with a smaller --learning_rate or more --warmup_steps"
        )


class Meter:
    """Averages the loss and the speed between two points of the training curve.

    Args:
      batch_size: images per step.
    """

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size
        self._epoch: list[float] = []
        self.restart()

    def restart(self) -> None:
        """Starts a new average; the time until now is not counted."""
        self._losses: list[Any] = []
        self._since = time.monotonic()
        self._is_timed = True

    def leave_out_time(self) -> None:
        """Keeps the steps since the last point out of the speed: the first one compiles."""
        self._is_timed = False

    def add(self, loss: Any) -> None:
        """Takes note of the loss of a step; does not wait for a loss still being computed."""
        self._losses.append(loss)

    def point(self, step: int) -> dict[str, float]:
        """Returns the averages since the last point, and starts anew.

        Args:
          step: the current step, for the message.

        Raises:
          PixaceError: the loss is no number any more.
        """
        nats = float(np.mean([float(loss) for loss in self._losses]))
        speed = len(self._losses) * self._batch_size / (time.monotonic() - self._since)
        require_finite(nats, step)
        self._epoch.append(nats)
        values = {"nats_per_pixel": nats, "bits_per_pixel": nats / math.log(2)}
        if self._is_timed:
            values["images_per_second"] = speed
        self.restart()
        return values

    def epoch_nats(self) -> float | None:
        """Returns the mean of the points since this was last asked for, None without any."""
        points, self._epoch = self._epoch, []
        return float(np.mean(points)) if points else None
