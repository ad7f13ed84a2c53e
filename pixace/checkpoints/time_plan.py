"""The plan of a training by minutes: the steps at which its quarters end, and the time it has used.

With it a later run takes the very steps that this one would have taken. As all of a checkpoint it
may be a stranger's, and is read with suspicion.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

from pixace.errors import UsageError

_MOST = 10_000  # stretches, and quarters of one; a training makes four
_MAX_STEP = 2**31


class Stretch(NamedTuple):
    """What was planned after one step, and holds until something else is planned.

    Attributes:
      start: steps done by then.
      warmup_steps: until the learning rate is at its highest again; 0 goes on with the warm-up and
        the anneal from where they are.
      ends: the steps at which the quarters end that were left, the training's last one at the end.
    """

    start: int
    warmup_steps: int
    ends: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class TimePlan:
    """What a training by minutes has planned, and what it has used.

    Attributes:
      minutes: that it may take in all.
      seconds_used: by all its runs up to this state.
      stretches: its plans, the newest at the end; the first one warms up.
    """

    minutes: float
    seconds_used: float
    stretches: tuple[Stretch, ...]

    @property
    def last_step(self) -> int:
        """The step at which the training ends."""
        return self.stretches[-1].ends[-1]

    @property
    def ends(self) -> tuple[int, ...]:
        """The steps at which quarters have ended and will end."""
        untils = [*(stretch.start for stretch in self.stretches[1:]), _MAX_STEP]
        return tuple(
            end
            for stretch, until in zip(self.stretches, untils, strict=True)
            for end in stretch.ends
            if end <= until
        )

    def annealed(self, step: int) -> tuple[float, int, int]:
        """Returns how far a step is on the way from the highest rate to zero.

        A plan that goes on with the anneal of the one before begins where that had come to.

        Returns:
          The share of the way, from 0 to 1, and 1 at the last step; the steps since the warm-up
          began; the steps that the warm-up takes.
        """
        share, began, warmup_steps = 0.0, 0, 1
        for index, stretch in enumerate(self.stretches):
            if stretch.warmup_steps:
                share, began, warmup_steps = 0.0, stretch.start, stretch.warmup_steps
            is_newest = index + 1 == len(self.stretches)
            until = step if is_newest else min(step, self.stretches[index + 1].start)
            warm, last = began + warmup_steps, stretch.ends[-1]
            begin = max(stretch.start, warm) if warm < last else stretch.start
            share = 1 - (1 - share) * (1 - min(1.0, max(0, until - begin) / (last - begin)))
            if step <= until:
                break
        return share, step - began, warmup_steps

    def to_stored(self) -> dict[str, Any]:
        """Returns what a checkpoint holds."""
        return {
            "minutes": self.minutes,
            "seconds_used": self.seconds_used,
            "stretches": [[start, warmup, list(ends)] for start, warmup, ends in self.stretches],
        }

    @classmethod
    def from_stored(cls, stored: Any) -> TimePlan:
        """Takes up what a checkpoint holds.

        Raises:
          UsageError: it is no plan that can be followed.
        """
        match stored:
            case {
                "minutes": float() | int() as minutes,
                "seconds_used": float() | int() as used,
                "stretches": [_, *_] as parts,
            } if 0 < minutes < math.inf and 0 <= used < math.inf and len(parts) <= _MOST:
                stretches = tuple(_stretch(part) for part in parts)
                starts = [stretch.start for stretch in stretches]
                if stretches[0].warmup_steps and starts == sorted(starts):
                    return cls(float(minutes), float(used), stretches)
        raise UsageError("its plan by minutes is no plan")


def _stretch(stored: Any) -> Stretch:
    """Returns one stored plan.

    Raises:
      UsageError: it is none.
    """
    match stored:
        case [int() as start, int() as warmup, [_, *_] as ends] if len(ends) <= _MOST and all(
            type(step) is int for step in (start, warmup, *ends)
        ):
            steps = [start, *ends]
            if start >= 0 and warmup >= 0 and all(map(int.__lt__, steps, steps[1:])):
                if max(warmup, steps[-1]) < _MAX_STEP:
                    return Stretch(start, warmup, tuple(ends))
    raise UsageError("its plan by minutes is no plan")
