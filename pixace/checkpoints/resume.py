"""What a state remembers of its training, besides weights, optimiser and curves.

It is read with suspicion, as files come from strangers, too. What a training can do without counts
as not told where it has another form. What is wrong with the rest is found on reading, but told
only to those who need it: a file whose seed is damaged can still be drawn with.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pixace.checkpoints.time_plan import TimePlan
from pixace.checkpoints.words import NO_WORDS, WordsRecord
from pixace.errors import CheckpointError, UsageError
from pixace.settings.model import ModelConfig
from pixace.wording import quoted, shown


class RunningMean(NamedTuple):
    """A mean under way: the sum of the losses so far, and their number."""

    total: float = 0.0
    n_losses: int = 0

    @classmethod
    def from_stored(cls, stored: Any) -> RunningMean:
        """Takes up what a checkpoint holds; starts anew where that is no mean."""
        match stored:
            case [float() as total, int() as count] if math.isfinite(total) and count > 0:
                return cls(total, count)
        return cls()


class CurveState(NamedTuple):
    """What the curves of a training need to go on as if it had never been stopped.

    Attributes:
      point: the mean loss since the last point of the training curve.
      epoch: the mean loss since the last epoch.
      images_per_second: of the last epoch, without validation and drawing; None if not measured.
    """

    point: RunningMean = RunningMean()
    epoch: RunningMean = RunningMean()
    images_per_second: float | None = None

    @classmethod
    def from_stored(cls, stored: Any) -> CurveState:
        """Takes up what a checkpoint holds; what has another form starts anew."""
        values = stored if isinstance(stored, dict) else {}
        speed = values.get("images_per_second")
        return cls(
            RunningMean.from_stored(values.get("point")),
            RunningMean.from_stored(values.get("epoch")),
            speed if isinstance(speed, float) and 0 < speed < math.inf else None,
        )

    def to_stored(self) -> dict[str, Any]:
        """Returns what a checkpoint holds."""
        return {
            "point": list(self.point),
            "epoch": list(self.epoch),
            "images_per_second": self.images_per_second,
        }


@dataclasses.dataclass(frozen=True)
class ResumeState:
    """What a state remembers of its training; None, or nothing, is what is not told.

    Attributes:
      rng: JAX key of the noise to come, uint32 (2,).
      seed: that the training began with.
      position: how many images the stream has yielded.
      curves: what was under way.
      config: the model's settings.
      settings: of the training, as text by name; only a training by minutes goes on with them.
      held_out: whether the validation images were others than those trained on.
      origin: what the training was told to start from.
      plan: of a training by minutes.
      words: that the model was taught; nothing where it knows none.
      unusable: what cannot be used of the above, and why; see `require`.
    """

    rng: np.ndarray | None = None
    seed: int | None = None
    position: int | None = None
    curves: CurveState | None = None
    config: ModelConfig | None = None
    settings: dict[str, str] = dataclasses.field(default_factory=dict)
    held_out: bool | None = None
    origin: str | None = None
    plan: TimePlan | None = None
    words: WordsRecord = NO_WORDS
    unusable: dict[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_stored(cls, stored: Any) -> ResumeState:
        """Takes up what a checkpoint holds."""
        values = stored if isinstance(stored, dict) else {}
        rng, held_out, origin = (values.get(name) for name in ("rng", "held_out", "origin"))
        usable: dict[str, Any] = {}
        unusable: dict[str, str] = {}
        checks = {"seed": _number, "position": _number, "config": _config, "plan": _plan}
        for name, check in checks.items():
            if name in values:
                try:
                    usable[name] = check(name, values[name])
                except UsageError as error:
                    unusable[name] = str(error)
        return cls(
            rng=rng if isinstance(rng, np.ndarray) else None,
            curves=CurveState.from_stored(values["curves"]) if "curves" in values else None,
            settings=_texts(values.get("settings")),
            held_out=held_out if isinstance(held_out, bool) else None,
            origin=origin if isinstance(origin, str) else None,
            words=WordsRecord.from_stored(values.get("words")),
            unusable=unusable,
            **usable,
        )

    def to_stored(self) -> dict[str, Any]:
        """Returns what a checkpoint holds: what is told, in plain numbers, texts and arrays."""
        values = {
            "rng": self.rng,
            "seed": self.seed,
            "position": self.position,
            "curves": None if self.curves is None else self.curves.to_stored(),
            "config": None if self.config is None else self.config.to_dict(),
            "settings": self.settings or None,
            "held_out": self.held_out,
            "origin": self.origin,
            "plan": None if self.plan is None else self.plan.to_stored(),
            "words": self.words.to_stored() if any(self.words) else None,
        }
        return {name: value for name, value in values.items() if value is not None}

    def require(self, name: str, path: Path) -> None:
        """Checks that a field can be used: what is stored for it, or that nothing is.

        Args:
          name: of the field.
          path: the file, for the message.

        Raises:
          CheckpointError: it cannot.
        """
        if name in self.unusable:
            raise CheckpointError(f"{shown(path)}: {self.unusable[name]}")


def _number(name: str, value: Any) -> int:
    """Returns a whole number.

    Raises:
      UsageError: it is negative, too large or none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**62:
        raise UsageError(f"{name} is {quoted(value)}, not a whole number")
    return value


def _config(name: str, values: Any) -> ModelConfig | None:
    """Returns the settings of a model, None where none are stored.

    Raises:
      UsageError: they are none, or cannot be.
    """
    if values is None:
        return None
    if not isinstance(values, dict):
        raise UsageError("its settings are no settings")
    try:
        return ModelConfig.from_dict(values)
    except (UsageError, TypeError) as error:
        raise UsageError(f"cannot use its settings: {error}") from None


def _plan(name: str, stored: Any) -> TimePlan | None:
    """Returns the plan of a training by minutes; see `TimePlan.from_stored`."""
    return None if stored is None else TimePlan.from_stored(stored)


def _texts(settings: Any) -> dict[str, str]:
    if not isinstance(settings, dict):
        return {}
    return {
        name: value
        for name, value in settings.items()
        if isinstance(name, str) and isinstance(value, str)
    }
