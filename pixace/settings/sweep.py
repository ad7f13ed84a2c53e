"""One setting of a drawing that changes from picture to picture: `temperature:0.5:1.5:9`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from pixace.errors import UsageError
from pixace.wording import quoted

T = TypeVar("T")

# What can be swept, from where to where if nothing else is said; None is as much as there is.
SWEPT: dict[str, tuple[float, float | None]] = {
    "cut": (0, None),
    "temperature": (0.5, 1.5),
    "guidance": (0.0, 4.0),
    "init_strength": (0.0, 1.0),
}
MAX_FRAMES = 100
_USUAL_FRAMES = 9
_LISTS = ("temperature", "guidance")  # of which a drawing may have several
_WHOLE = ("cut",)
_WORDS = re.compile(r"([a-z_]+)(?::([0-9.]{1,12}):([0-9.]{1,12}):([0-9]{1,3}))?", re.ASCII)


class Sweep(NamedTuple):
    """One setting in even steps.

    Attributes:
      name: of the setting.
      first: its value in the first picture.
      last: in the last one; None is as much as there is.
      n_frames: how many pictures.
    """

    name: str
    first: float
    last: float | None
    n_frames: int = _USUAL_FRAMES

    @classmethod
    def of(cls, words: Any) -> Sweep:
        """Returns what such words as `temperature`, or `temperature:0.5:1.5:9`, mean.

        Raises:
          UsageError: they mean none.
        """
        match = _WORDS.fullmatch(words) if isinstance(words, str) else None
        if match is None or match[1] not in SWEPT:
            raise UsageError(
                f"sweep must be {', '.join(SWEPT)}, or such as temperature:0.5:1.5:9, not "
                f"{quoted(words)}"
            )
        if match[2] is None:
            return cls(match[1], *SWEPT[match[1]])
        try:
            sweep = cls(match[1], float(match[2]), float(match[3]), int(match[4]))
        except ValueError:  # such as 1.2.3
            raise UsageError(f"sweep={words}: from where to where are no numbers") from None
        if not 2 <= sweep.n_frames <= MAX_FRAMES:
            raise UsageError(f"sweep={words}: the pictures must be from 2 to {MAX_FRAMES}")
        if len({*sweep.values(0)}) < sweep.n_frames:
            raise UsageError(f"sweep={words}: so many pictures would not all be different")
        return sweep

    @property
    def words(self) -> str:
        """How recipes spell it, whatever is usual in the version that reads them."""
        if self.last is None:
            return self.name
        return f"{self.name}:{self.first:.12g}:{self.last:.12g}:{self.n_frames}"

    def values(self, most: int) -> list[float]:
        """Returns the setting's value in each picture.

        Args:
          most: as much as there is.
        """
        last = most if self.last is None else self.last
        steps = self.n_frames - 1
        values = [self.first + (last - self.first) * step / steps for step in range(steps + 1)]
        return [round(value) if self.name in _WHOLE else round(value, 6) for value in values]

    def frames(self, most: int) -> list[dict[str, Any]]:
        """Returns what is set in each picture, by the names of settings."""
        is_list = self.name in _LISTS
        return [{self.name: (value,) if is_list else value} for value in self.values(most)]


def checked_sweep(settings: Any) -> str | None:
    """Returns a drawing's sweep as recipes spell it, each of whose values the setting may have.

    Args:
      settings: `DrawingSettings`, which have it.

    Raises:
      UsageError: it may not, or more than one column of results is asked for besides.
    """
    if settings.sweep is None:
        return None
    sweep = Sweep.of(settings.sweep)
    if getattr(settings, sweep.name) != getattr(type(settings), sweep.name):
        raise UsageError(f"{sweep.name} and sweep={sweep.name} exclude each other; name one")
    if len(settings.temperature) * len(settings.guidance) > 1:
        raise UsageError("sweep takes one temperature and one guidance")
    if sweep.name == "cut" and settings.symmetry != "none":
        raise UsageError("sweep=cut keeps a prompt as it is, symmetry mirrors it; name one")
    frames_of(settings, 1)
    return sweep.words


def frames_of(settings: T, n_pixels: int) -> list[T]:
    """Returns the settings of each picture of a sweep; a drawing's own where nothing is swept.

    Args:
      settings: `DrawingSettings`, of the drawing.
      n_pixels: L of the model.

    Raises:
      UsageError: a value that the setting may not have.
    """
    drawing: Any = settings  # whose class needs this module
    if drawing.sweep is None:
        return [settings]
    frames = Sweep.of(drawing.sweep).frames(n_pixels)
    return [dataclasses.replace(drawing, sweep=None, **frame) for frame in frames]


def without_swept(like: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """Returns settings of a recipe that do not contradict the user's, of which one is swept.

    Args:
      like: the recipe's.
      named: the user's.
    """
    values = dict(like)
    if named.get("sweep") is not None:
        values.pop(Sweep.of(named["sweep"]).name, None)
    if "sweep" in values and Sweep.of(values["sweep"]).name in named:
        del values["sweep"]
    return values
