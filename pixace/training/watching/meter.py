"""Loss and speed of a training, averaged over the last few steps and over an epoch."""

from __future__ import annotations

import dataclasses
import math
import time
from collections import deque
from typing import Any

from pixace.checkpoints.resume import CurveState, RunningMean
from pixace.errors import PixaceError


def require_finite(value: float, step: int, what: str = "the loss") -> None:
    """Checks that a loss, or whatever else a training computes, is still a number.

    Raises:
      PixaceError: it is not; the message says what to change.
    """
    if not math.isfinite(value):
        raise PixaceError(
            f"{what} became {value} at step {step}; the last checkpoint is kept: go on from it "
            "with a smaller --learning_rate or more --warmup_steps"
        )


@dataclasses.dataclass
class _Mean:
    """A mean that grows value by value.

    A plain running sum, so that one that is stored and taken up again rounds just as if it had
    never been stored.
    """

    total: float = 0.0
    count: int = 0

    def add(self, value: float) -> None:
        self.total += value
        self.count += 1

    def take(self) -> float | None:
        """Returns the mean, None of nothing, and starts anew."""
        mean = self.so_far()
        self.total, self.count = 0.0, 0
        return mean

    def under_way(self) -> RunningMean:
        """Returns sum and number of the values."""
        return RunningMean(self.total, self.count)

    def so_far(self) -> float | None:
        """Returns the mean, None of nothing."""
        return self.total / self.count if self.count else None


class Meter:
    """Averages the loss between two points of the training curve, and over an epoch.

    Args:
      batch_size: images per step.
      state: the averages under way in an earlier run, which this one continues.
    """

    def __init__(self, batch_size: int, state: CurveState | None = None) -> None:
        state = state or CurveState()
        self._batch_size = batch_size
        self._point = _Mean(*state.point)
        self._epoch = _Mean(*state.epoch)
        self._waiting: deque[Any] = deque()
        self._n_timed = 0
        self._epoch_pictures, self._epoch_seconds = 0, 0.0
        self.restart_clock()

    def state(self) -> CurveState:
        """Returns the averages under way; waits for losses being computed."""
        self._take_in()
        return CurveState(self._point.under_way(), self._epoch.under_way())

    def restart_clock(self) -> None:
        """Measures the speed from now on: what came before was no training."""
        self._take_in()
        self._n_timed = 0
        self._since = time.monotonic()
        self._is_timed = True

    def leave_out_time(self) -> None:
        """Keeps the steps since the last point out of the speed: the first one compiles."""
        self._is_timed = False

    def add(self, loss: Any) -> None:
        """Takes note of the loss of a step; does not wait for a loss still being computed."""
        self._waiting.append(loss)

    def point(self, step: int) -> dict[str, float]:
        """Returns the averages since the last point, and starts anew.

        Args:
          step: the current step, for the message.

        Raises:
          PixaceError: the loss is no number any more.
        """
        self._take_in()
        n_pictures, seconds = self._n_timed * self._batch_size, time.monotonic() - self._since
        nats = self._point.take()
        assert nats is not None, "a point before the first step"
        require_finite(nats, step)
        values = {"nats_per_pixel": nats, "bits_per_pixel": nats / math.log(2)}
        if self._is_timed:
            values["images_per_second"] = n_pictures / seconds
            self._epoch_pictures += n_pictures
            self._epoch_seconds += seconds
        self.restart_clock()
        return values

    def nats_so_far(self) -> float | None:
        """Returns the mean since the last point of the losses that are there, None of none."""
        self._take_in(wait=False)
        return self._point.so_far()

    def epoch_nats(self) -> float | None:
        """Returns the mean over the steps since this was last asked for, None without any."""
        self._take_in()
        return self._epoch.take()

    def epoch_speed(self) -> float | None:
        """Returns the images per second up to the last point, since this was last asked for.

        None where no step has been timed.
        """
        n_pictures, seconds = self._epoch_pictures, self._epoch_seconds
        self._epoch_pictures, self._epoch_seconds = 0, 0.0
        return n_pictures / seconds if n_pictures else None

    def _take_in(self, wait: bool = True) -> None:
        """Adds up the losses noted so far, in their order; without waiting, those there."""
        while self._waiting and (wait or _is_computed(self._waiting[0])):
            nats = float(self._waiting.popleft())
            self._point.add(nats)
            self._epoch.add(nats)
            self._n_timed += 1


def _is_computed(loss: Any) -> bool:
    """Returns whether a loss can be read without waiting: JAX's arrays may be there later."""
    return loss.is_ready() if hasattr(loss, "is_ready") else True
