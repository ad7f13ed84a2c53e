"""How far a training is: told again and again, on the log or to whoever wants to know."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pixace.checkpoints.folder import epoch_path
from pixace.settings.training import TrainingSettings
from pixace.training.watching.epochs import Epochs
from pixace.training.watching.observer import Observer, StepInfo
from pixace.wording import clock_time, image_rate

if TYPE_CHECKING:
    from pixace.insight.likelihood import Likelihood  # which needs JAX

_log = logging.getLogger(__name__)

_LIVE_SECONDS = 0.2  # between two states that are told to somebody
_FIRST_SECONDS = 10.0  # between two lines of the log; twice as long after each
_LAST_SECONDS = 300.0
_PACE_SECONDS, _PACE_STEPS = 30.0, 10  # the speed is that of the last ones, whatever is more


class Status(NamedTuple):
    """How far a training is; None is what is not known yet.

    Attributes:
      step: steps done.
      last_step: at which it will end; None for one that was told no end.
      epoch: the one under way, from 1.
      last_epoch: None likewise.
      bits_per_pixel: the loss of late.
      validation: bits per pixel at the end of the last epoch.
      images_per_second: of late.
      seconds_left: to the end; of the epoch, where the training was told none.
      checkpoint: name of the newest file.
      doing: what keeps it from the next step.
    """

    step: int
    last_step: int | None
    epoch: int
    last_epoch: int | None
    bits_per_pixel: float | None = None
    validation: float | None = None
    images_per_second: float | None = None
    seconds_left: float | None = None
    checkpoint: str | None = None
    doing: str | None = None

    def text(self, width: int | None = None) -> str:
        """Spells it in one line; where that is too narrow, the least important is left out.

        Args:
          width: how many characters there may be; None is as many as it takes.
        """
        parts = self._parts()
        for name in ("checkpoint", "images_per_second", "validation", "epoch", "seconds_left"):
            if width is None or len("  ".join(parts.values())) <= width:
                break
            parts.pop(name, None)
        return "  ".join(parts.values())[:width]

    def _parts(self) -> dict[str, str]:
        """Spells what is known, in the order in which it is shown."""
        left = None
        if self.seconds_left is not None:
            time_left = clock_time(self.seconds_left)
            left = f"epoch ends in {time_left}" if self.last_step is None else f"{time_left} left"
        speed = None if self.images_per_second is None else image_rate(self.images_per_second)
        spelt = {
            "epoch": f"epoch {_of(self.epoch, self.last_epoch)}",
            "step": f"step {_of(self.step, self.last_step)}",
            "bits_per_pixel": _unless_none("{:.3f} bits/pixel", self.bits_per_pixel),
            "validation": _unless_none("val {:.3f}", self.validation),
            "images_per_second": speed,
            "seconds_left": left,
            "checkpoint": _unless_none("saved {}", self.checkpoint),
            "doing": self.doing,
        }
        return {name: text for name, text in spelt.items() if text is not None}


def _of(number: int, last: int | None) -> str:
    return f"{number}" if last is None else f"{number}/{last}"


def _unless_none(form: str, value: object) -> str | None:
    return None if value is None else form.format(value)


class Progress(Observer):
    """Follows a training, and tells from time to time how far it is.

    Args:
      settings: of the training.
      epochs: at which steps its epochs end.
      step: steps done before.
      nats_per_pixel: returns the loss of late; None before there is one.
      tell: is told at most five times a second, and when something other than steps begins; None
        writes lines to the log, ever fewer of them.
      clock: tells the seconds; tests pass their own.
      seconds_left: returns the time that a training by minutes has left.

    Attributes:
      validation: bits per pixel at the end of the last epoch, if there was one.
      checkpoint: name of the newest file, if there is one.
    """

    def __init__(
        self,
        settings: TrainingSettings,
        epochs: Epochs,
        step: int,
        nats_per_pixel: Callable[[], float | None],
        tell: Callable[[Status], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        seconds_left: Callable[[], float] | None = None,
    ) -> None:
        self.validation: float | None = None
        self.checkpoint: str | None = None
        self._settings = settings
        self._epochs = epochs
        self._time_left = seconds_left
        self._step = step
        self._nats_per_pixel = nats_per_pixel
        self._is_live = tell is not None
        self._tell = tell or (lambda status: _log.info("%s", status.text()))
        self._clock = clock
        self._wait = _LIVE_SECONDS if self._is_live else _FIRST_SECONDS
        self._due = clock() + (0 if self._is_live else self._wait)
        self._marks: deque[tuple[float, int]] = deque()
        self._seconds_per_step: float | None = None
        self._seconds_per_end = 0.0
        self._paused_at = 0.0

    def on_step(self, info: StepInfo) -> None:
        """Takes note of a step."""
        now = self._clock()
        self._step = info.step
        self._measure(now)
        if now < self._due:
            return
        self._tell(self.status())
        if not self._is_live:
            self._wait = min(2 * self._wait, _LAST_SECONDS)
        self._due = now + self._wait

    def begin(self, doing: str) -> None:
        """Takes note of something that is no step and takes a while."""
        if self._is_live:
            self._tell(self.status()._replace(doing=doing))

    def on_pause(self) -> None:
        """Keeps what follows out of the speed, and in the time that is left."""
        self._paused_at = self._clock()

    def on_validation(self, step: int, likelihood: Likelihood) -> None:
        """Takes note of a validation, after which the state is saved."""
        self.validation = likelihood.bits_per_pixel
        self.begin("saving")

    def on_epoch(self, step: int, weights: Any, stop: Callable[[], bool]) -> None:
        """Takes note of an epoch's file, after which pictures are drawn."""
        self.checkpoint = epoch_path(Path(), step).name
        self.begin("drawing samples")

    def on_continue(self) -> None:
        """Measures the speed anew."""
        self._seconds_per_end = self._clock() - self._paused_at
        self._marks.clear()

    def status(self) -> Status:
        """Returns how far the training is."""
        settings, epochs, nats = self._settings, self._epochs, self._nats_per_pixel()
        pace = self._seconds_per_step
        return Status(
            step=self._step,
            last_step=None if epochs.is_endless else epochs.last_step,
            epoch=epochs.n_ended(max(0, self._step - 1)) + 1,
            last_epoch=None if epochs.is_endless else epochs.count,
            bits_per_pixel=None if nats is None else nats / math.log(2),
            validation=self.validation,
            images_per_second=settings.n_pictures / pace if pace else None,
            seconds_left=self._seconds_left(pace),
            checkpoint=self.checkpoint,
        )

    def _measure(self, now: float) -> None:
        """Measures the time of a step over those of late."""
        marks = self._marks
        marks.append((now, self._step))
        while len(marks) > _PACE_STEPS and now - marks[0][0] > _PACE_SECONDS:
            marks.popleft()
        since, first = marks[0]
        if now > since:
            self._seconds_per_step = (now - since) / (self._step - first)

    def _seconds_left(self, pace: float | None) -> float | None:
        if self._time_left is not None:
            return max(0.0, self._time_left())
        if pace is None:
            return None
        step, epochs = self._step, self._epochs
        if epochs.is_endless:
            return -step % self._settings.steps_per_epoch * pace
        last = epochs.last_step
        n_ends = epochs.count - epochs.n_ended(step)
        return max(0, last - step) * pace + n_ends * self._seconds_per_end
